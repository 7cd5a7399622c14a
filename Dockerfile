# The image has no build step: Node runs the sources. It runs as nobody in particular, on a read-only root:
#   docker run --read-only --cap-drop ALL -v ./deploy/compose:/etc/carnet:ro -v data:/var/lib/carnet carnet
FROM node:26-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional packages are the Node that a checkout runs; the base image has one.
RUN npm install --no-save --omit=dev --omit=optional && mkdir /data

FROM node:26-slim
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=packages --chown=65532:65532 /data /var/lib/carnet
COPY package.json LICENSE openapi.yaml ./
COPY bin bin
COPY scripts/find-node.sh scripts/
COPY src src
# The root is read-only when it runs: what every start would compile anew is compiled here, by the user who runs it, since Node
# keeps a cache for each; from then on it is only read. Without a configuration a start loads what all load, and ends with 78.
RUN mkdir -p node_modules/.cache && chown 65532:65532 node_modules/.cache \
  && { setpriv --reuid=65532 --regid=65532 --clear-groups bin/carnet serve --config none; test $? -eq 78; } \
  && chown -R 0:0 node_modules/.cache && chmod -R a+rX node_modules/.cache
USER 65532:65532
VOLUME /var/lib/carnet
EXPOSE 8443 8444 8445
ENTRYPOINT ["/app/bin/carnet"]
CMD ["serve", "--config", "/etc/carnet/carnet.yaml"]
