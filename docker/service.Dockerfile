# What `./mestore image service` writes without a container engine. From the root of the repository:
#   docker build -f docker/service.Dockerfile --build-arg REVISION="$(git rev-parse HEAD)" -t mestore.dev/service:0.1.0 .
# A test holds its settings against those of our own builder and runs its compile step; no `docker build` was tried.
ARG BUN_IMAGE=oven/bun:1.4.5
ARG BASE_IMAGE=debian:12-slim

FROM ${BUN_IMAGE} AS build
WORKDIR /build
COPY . .
# Optional packages are the embedded stores and tools of a checkout; none is part of the program.
RUN bun install --frozen-lockfile --ignore-scripts --omit=optional
RUN bun tools/image/compile-program.ts service /out

FROM ${BASE_IMAGE}
# The slim image trusts nobody: without these no TLS to a store, a Prometheus or an API server can be checked.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
ARG REVISION=unknown
LABEL org.opencontainers.image.title="MeStore service" \
      org.opencontainers.image.description="The marketplace: the storefront API and its cache." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://mestore.dev" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/mestore-service /app/mestore-service
USER 65532:65532
WORKDIR /
EXPOSE 8000/tcp 9464/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s CMD ["/app/mestore-service", "health"]
ENTRYPOINT ["/app/mestore-service"]
