# What `./mestore image operator` writes without a container engine. From the root of the repository:
#   docker build -f docker/operator.Dockerfile --build-arg REVISION="$(git rev-parse HEAD)" -t mestore.dev/operator:0.1.0 .
# A test holds its settings against those of our own builder and runs its compile step; no `docker build` was tried.
ARG BUN_IMAGE=oven/bun:1.4.5
ARG BASE_IMAGE=debian:12-slim

FROM ${BUN_IMAGE} AS build
WORKDIR /build
COPY . .
# Optional packages are the embedded stores and tools of a checkout; none is part of the program.
RUN bun install --frozen-lockfile --ignore-scripts --omit=optional
RUN bun tools/image/compile-program.ts operator /out

FROM ${BASE_IMAGE}
# The slim image trusts nobody: without these no TLS to a store, a Prometheus or an API server can be checked.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
ARG REVISION=unknown
LABEL org.opencontainers.image.title="MeStore operator" \
      org.opencontainers.image.description="Keeps a service inside its performance objectives by tuning it from live metrics." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://mestore.dev" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/mestore-operator /app/mestore-operator
# What they are for stands in operator/src/kube/heap-environment.ts.
ENV BUN_JSC_heapGrowthFunctionThresholdInMB="1000000000" \
    BUN_JSC_smallHeapGrowthFactor="1.3" \
    BUN_JSC_minEdenToOldGenerationRatio="0.21"
USER 65532:65532
WORKDIR /
EXPOSE 8080/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/mestore-operator"]
