# Node 24 runs the TypeScript in src as it is. The image starts from one bundle of it, which takes half the time, and has
# src for the commands beside the server.

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts

FROM node:24-bookworm-slim AS source
WORKDIR /app
COPY package.json ./
COPY config ./config
COPY src ./src
# A clone made under umask 077 has files that only its owner may read.
RUN chmod -R a+rX .

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY rolldown.config.ts ./
COPY src ./src
RUN npm run build && chmod -R a+rX dist

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="Keystow" \
      org.opencontainers.image.description="Keeps an OpenAI-compatible provider's key on the server: browsers, chat UIs and scripts use the API without it" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
# The image's user `node`; as a number, so that Kubernetes can check runAsNonRoot.
RUN install -d -o 1000 -g 1000 /data
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=source /app ./
COPY --from=build /app/dist ./dist
# What Node makes of the modules, made once: the container cannot write it.
RUN install -d -o 1000 -g 1000 node_modules/.cache/keystow
USER 1000:1000
ENV NODE_COMPILE_CACHE=/app/node_modules/.cache/keystow
RUN ["node", "--min-semi-space-size=4", "--max-semi-space-size=4", "--no-parallel-scavenge", "--v8-pool-size=2", "dist/server.js", "--help"]
RUN ["node", "src/server.ts", "--help"]
# Under a read-only root SQLite finds no place for its temporary files but the volume: sorting fails without one.
ENV HOST=0.0.0.0 PORT=8787 DATA_DIR=/data SQLITE_TMPDIR=/data
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--min-semi-space-size=4", "--max-semi-space-size=4", "--no-parallel-scavenge", "--v8-pool-size=2", "dist/server.js"]
