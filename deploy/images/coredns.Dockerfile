# The DNS server of the development cluster.
FROM scratch
COPY coredns /coredns
ENTRYPOINT ["/coredns"]
