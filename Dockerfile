# One image for each component: docker build --target cloud|gateway|edge|sim|dashboards .
# Everything is pinned: base images here, Python packages by requirements.lock (with hashes, which uv checks also when
# they come as constraints), JavaScript by package-lock.json. Each image holds one component and what it needs.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG NODE_IMAGE=node:22.20.0-bookworm-slim

# --- the phone page ---------------------------------------------------------------------------------------------
FROM ${NODE_IMAGE} AS web
WORKDIR /src/cloud/web
COPY cloud/web/package.json cloud/web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY cloud/web ./
RUN npm run build

# --- each component in an environment of its own ----------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS build
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.8 && uv venv /app
ENV VIRTUAL_ENV=/app \
    UV_CONSTRAINT=/src/requirements.lock \
    UV_BUILD_CONSTRAINT=/src/requirements.lock \
    UV_NO_SOURCES=1 \
    UV_NO_CACHE=1 \
    UV_COMPILE_BYTECODE=1
WORKDIR /src
COPY requirements.lock ./
COPY link link

FROM build AS build-edge
COPY edge edge
RUN uv pip install ./link ./edge

FROM build AS build-gateway
COPY gateway gateway
RUN uv pip install ./link ./gateway

FROM build AS build-cloud
COPY cloud cloud
COPY --from=web /src/cloud/src/tonnam_cloud/web_dist cloud/src/tonnam_cloud/web_dist
RUN uv pip install "./link[receiver]" ./cloud

FROM build AS build-sim
COPY firmware-sim firmware-sim
RUN uv pip install ./firmware-sim

FROM build AS build-dashboards
COPY dashboards dashboards
RUN uv pip install ./dashboards

# --- what runs --------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS runtime
RUN groupadd --gid 10001 tonnam \
    && useradd --uid 10001 --gid tonnam --no-create-home --home-dir /state tonnam \
    && install --directory --owner=tonnam --group=tonnam --mode=0700 /state
ENV PATH=/app/bin:$PATH \
    PYTHONUNBUFFERED=1
WORKDIR /state
USER 10001:10001

FROM runtime AS edge
COPY --from=build-edge /app /app
ENTRYPOINT ["tonnam-edge"]

FROM runtime AS gateway
COPY --from=build-gateway /app /app
ENTRYPOINT ["tonnam-gateway"]

FROM runtime AS sim
COPY --from=build-sim /app /app
ENTRYPOINT ["tonnam-sim"]

FROM runtime AS dashboards
COPY --from=build-dashboards /app /app
ENTRYPOINT ["tonnam-dashboards"]

FROM runtime AS cloud
COPY --from=build-cloud /app /app
# Volumes begin as these: the broker's configuration, which is Mosquitto's user's, and the key that nodes read.
USER root
RUN install --directory --owner=1883 --group=1883 --mode=0700 /broker \
    && install --directory --owner=tonnam --group=tonnam --mode=0755 /cloud-key
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["tonnam-cloud"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
