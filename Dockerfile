# The images of calrissian-dask. Targets:
#
#   sidecar        what a step's pod runs beside the tool: an interpreter, the modules that the two
#                  programs import, and nothing else: no shell, no package manager
#   sidecar-auth   the same with dask_gateway, for a gateway.auth.type that only that library knows
#   calrissian     Calrissian with calrissian-dask, for the Job that runs a workflow
#
# docker build --target sidecar --tag … .
#
# It uses no BuildKit extension, so that podman, buildah, kaniko and old Docker daemons build it too.

# Calrissian's pins have no wheels for Python 3.13. Every stage has the same interpreter at the same path.
ARG BASE_IMAGE=docker.io/library/python:3.12-slim-bookworm

# ---------------------------------------------------------------------------------------------------
FROM ${BASE_IMAGE} AS tools
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY requirements/image-build.txt requirements/
RUN python3 -m venv /build/tools \
 && /build/tools/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/image-build.txt

# ---------------------------------------------------------------------------------------------------
FROM tools AS sidecar-root
COPY image/assemble_root.py image/needed_files.py image/
COPY sidecar sidecar
# -Es: what is in the builder's environment or home is not part of the image.
RUN python3 -Es image/assemble_root.py --sources sidecar --root /root-of-image calrissian_dask_sidecar \
 && chroot /root-of-image /usr/bin/env PATH=/usr/local/bin calrissian-dask-sidecar --version

FROM scratch AS sidecar
COPY --from=sidecar-root /root-of-image/ /
ENV PATH=/usr/local/bin:/usr/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# Numeric, so that runAsNonRoot can be checked; an unusual one, see docs/decisions.md.
USER 47315:47315
WORKDIR /
ENTRYPOINT ["calrissian-dask-sidecar"]

# ---------------------------------------------------------------------------------------------------
FROM tools AS sidecar-auth-root
COPY requirements/image-auth.txt requirements/
RUN tools/bin/uv pip install --quiet --target libraries --require-hashes -r requirements/image-auth.txt
COPY image/assemble_root.py image/needed_files.py image/
COPY sidecar sidecar
RUN python3 -Es image/assemble_root.py --sources sidecar --sources libraries --whole-library \
    --root /root-of-image calrissian_dask_sidecar \
 && chroot /root-of-image /usr/bin/env PATH=/usr/local/bin calrissian-dask-sidecar --version

FROM scratch AS sidecar-auth
COPY --from=sidecar-auth-root /root-of-image/ /
ENV PATH=/usr/local/bin:/usr/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 47315:47315
WORKDIR /
ENTRYPOINT ["calrissian-dask-sidecar"]

# ---------------------------------------------------------------------------------------------------
FROM tools AS calrissian-environment
COPY requirements/image-calrissian.txt requirements/
COPY image/link_node.py image/
RUN python3 -m venv --without-pip /opt/calrissian \
 && tools/bin/uv pip install --quiet --python /opt/calrissian/bin/python --require-hashes -r requirements/image-calrissian.txt \
 && python3 -I image/link_node.py /opt/calrissian
COPY pyproject.toml README.md LICENSE ./
COPY podspec podspec
COPY sidecar sidecar
COPY image/calrissian image/
RUN VIRTUAL_ENV=/build/tools tools/bin/uv build --quiet --wheel --no-build-isolation --python tools/bin/python --out-dir dist . \
 && tools/bin/uv pip install --quiet --python /opt/calrissian/bin/python --no-deps dist/*.whl \
 && install -m 755 image/calrissian /opt/calrissian/bin/calrissian \
 && du -sh /opt/calrissian

FROM ${BASE_IMAGE} AS calrissian
# The official images have no compiled standard library, and a read-only root can keep none.
RUN python3 -m compileall -q -x 'test|lib2to3' "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=calrissian-environment /opt/calrissian /opt/calrissian
# The links: a login shell sets PATH anew. Nobody needs another user's rights here.
RUN ln -s /opt/calrissian/bin/calrissian /opt/calrissian/bin/calrissian-dask /opt/calrissian/bin/node /usr/local/bin/ \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
# HOME and USER: for any uid, with or without an entry in /etc/passwd.
ENV PATH=/opt/calrissian/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp USER=calrissian
USER 1000:1000
WORKDIR /tmp
# cwltool needs one place to write to, also where the root is read-only and nothing is mounted.
VOLUME /tmp
CMD ["calrissian"]
