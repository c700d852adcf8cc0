# The hub: non-root, no capability, works with a read-only root file system.
#
#   docker build -t sidekick .
#   docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=true -t REGISTRY/sidekick --push .
#
# arm64 without a registry or such a machine: tools/image-emulated arm64 FOLDER
#
# Each step is in tools/image, where the tests run it as well. What the image is made of is in it:
# /opt/sidekick/sbom.cdx.json.
ARG DEBIAN=bookworm-slim

FROM debian:${DEBIAN} AS system
COPY tools/image /src/tools/image
RUN /src/tools/image system && rm -rf /src

FROM system AS build
COPY tools/image /src/tools/image
RUN /src/tools/image builder
COPY requirements.image.lock /src/
RUN /src/tools/image dependencies
COPY pyproject.toml README.md /src/
COPY tools/bill_of_materials.py /src/tools/
COPY config/rules /src/config/rules
COPY sidekick /src/sidekick
RUN /src/tools/image application

FROM system
COPY --from=build /opt/sidekick /opt/sidekick
ENV PATH=/opt/sidekick/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 1234:1234
WORKDIR /var/lib/sidekick
VOLUME /var/lib/sidekick
EXPOSE 2801
ENTRYPOINT ["sidekick"]
CMD ["hub", "--state=/var/lib/sidekick"]
