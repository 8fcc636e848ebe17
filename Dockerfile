# A server of undegrade: `docker build -t undegrade .`, with the build of PyTorch that pip takes unless told
# otherwise: on Linux the one for CUDA, which runs on processors as well. `--build-arg TORCH_INDEX=URL` takes
# another from where PyTorch's installation page says, such as the smaller one for processors alone.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
ARG TORCH_INDEX=
WORKDIR /build
RUN python -m venv /opt/undegrade
ENV PATH=/opt/undegrade/bin:$PATH PIP_NO_CACHE_DIR=1
RUN pip install "torch>=2.6" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install ".[serve]"

FROM python:${PYTHON}-slim
RUN useradd --create-home --uid 10001 undegrade && install -d -o undegrade /data /data/tmp
COPY --from=build /opt/undegrade /opt/undegrade
# Uploads come in below TMPDIR: on the disk, since what lies in a tmpfs is memory that nothing counts.
ENV PATH=/opt/undegrade/bin:$PATH UNDEGRADE_HOME=/data TMPDIR=/data/tmp PYTHONUNBUFFERED=1
USER undegrade
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["undegrade", "serve", "--host", "0.0.0.0"]
