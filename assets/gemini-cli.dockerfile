# Gemini CLI on a base with Node.js 20 or later (Debian 13 has it; for an earlier one say
# base_image: node:22-bookworm-slim). The program itself comes with the build context, fetched
# and checked on the host: inside a build there may be no network beyond apt's mirror.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

# Only what the base lacks, so that a complete base builds without any network.
RUN set -eu; \
    need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }; \
    missing=""; \
    need bash bash; need git git; need less less; need ps procps; need rg ripgrep; \
    need curl curl; need python3 python3; need node nodejs; \
    [ -s /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"; \
    if [ -n "$missing" ]; then \
        command -v apt-get >/dev/null || { \
            echo "the base image has no apt-get and lacks:$missing" >&2; exit 1; }; \
        apt-get update; \
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; \
        rm -rf /var/lib/apt/lists/*; \
    fi; \
    node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' || { \
        echo "Gemini CLI needs Node.js 20; set base_image: node:22-bookworm-slim" >&2; exit 1; }; \
    mkdir -p /workspace /home/agent /etc/ironcurtain /run/ironcurtain

COPY agent/ /opt/agent/
CMD ["/bin/bash"]
