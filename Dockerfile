# The command line and `agentsight-otel up`, as a user without rights:
#
#   docker build -t agentsight-otel .
#   docker run -p 127.0.0.1:8686:8686 -p 127.0.0.1:4317:4317 -p 127.0.0.1:4318:4318 -v agentsight:/data agentsight-otel \
#     up --host 0.0.0.0 --otlp-host 0.0.0.0 --token …
#   docker run agentsight-otel schema apply --clickhouse-url http://…
#
# OTLP has no login here: publish its ports on 127.0.0.1, or on a network where everybody may send.
FROM python:3.13.7-slim AS build
COPY . /src
RUN pip install --no-cache-dir build==1.3.0 && python -m build --wheel --outdir /wheels /src

FROM python:3.13.7-slim
LABEL org.opencontainers.image.title="agentsight-otel" \
      org.opencontainers.image.description="Conversations of AI agents as OpenTelemetry traces, 15 dashboard metrics in ClickHouse" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[local,web]" && rm -r /wheels \
    && useradd --system --uid 10001 --create-home agentsight \
    && install -d -o agentsight -m 700 /data
USER 10001
ENV AGENTSIGHT_DATA=/data
VOLUME /data
EXPOSE 8686 4317 4318
ENTRYPOINT ["agentsight-otel"]
CMD ["up"]
