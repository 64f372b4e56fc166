.PHONY: collector docs
collector: ## The collector with this project's components; prints the path of the binary, to be run as is or by OTELCOL
	@collector_config/build.sh
docs: ## The documentation as a site, in site/; a link that leads nowhere fails it (pip install -e ".[docs]")
	@python -m mkdocs build --quiet
