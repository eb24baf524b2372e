# The sandbox container of every pod in the development cluster.
FROM scratch
COPY pause /pause
USER 65535:65535
ENTRYPOINT ["/pause"]
