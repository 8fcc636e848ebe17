# A server of undegrade: `docker build -t undegrade .`, or with `--build-arg TORCH=cu128` for CUDA.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
ARG TORCH=cpu
WORKDIR /build
RUN python -m venv /opt/undegrade
ENV PATH=/opt/undegrade/bin:$PATH PIP_NO_CACHE_DIR=1
RUN pip install "torch>=2.6" --index-url "https://download.pytorch.org/whl/${TORCH}"
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install ".[serve]"

FROM python:${PYTHON}-slim
RUN useradd --create-home --uid 10001 undegrade && install -d -o undegrade /data
COPY --from=build /opt/undegrade /opt/undegrade
ENV PATH=/opt/undegrade/bin:$PATH UNDEGRADE_HOME=/data PYTHONUNBUFFERED=1
USER undegrade
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["undegrade", "serve", "--host", "0.0.0.0"]
