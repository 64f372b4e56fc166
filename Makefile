.PHONY: collector
collector: ## The collector with this project's components; prints the path of the binary, to be run as is or by OTELCOL
	@collector_config/build.sh
