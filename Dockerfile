FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /app/node_modules ./node_modules
COPY package.json moleculer.config.ts start.ts ./
COPY kernel ./kernel
COPY mixins ./mixins
COPY models ./models
COPY services ./services
COPY scripts/repl.ts ./scripts/repl.ts
USER node
CMD ["node", "--min-semi-space-size=16", "--max-semi-space-size=32", "start.ts"]
