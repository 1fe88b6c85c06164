#!/bin/bash
# Build a kind node image from source, where kindest/node cannot be pulled: from the Go module proxy and Debian's
# packages only. Kubernetes' own code; of the rest stand-ins: one binary for the control plane, a trimmed CoreDNS,
# a network plugin without NetworkPolicy. Root on Debian, Go, a running Docker; about a quarter of an hour.
#
#   node-image.sh TAG ARCHIVE        loads TAG into Docker and keeps it as ARCHIVE (docker save, zstd)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tag=${1:?usage: node-image.sh TAG ARCHIVE} archive=${2:?usage: node-image.sh TAG ARCHIVE}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/node-image.XXXXXX")
root=$work/root bin=$work/bin layers=$work/layers
kubernetes=v1.34.4 # the last minor version that still runs on cgroup v1
kind=v0.33.0
provisioner=v0.0.30
pause=3.10.1
export GOFLAGS=-buildvcs=false CGO_ENABLED=0
mkdir -p "$bin" "$layers"
[ "$(id -u)" = 0 ] && command -v go >/dev/null && command -v apt-get >/dev/null && [ "$(uname -m)" = x86_64 ] || {
  echo "a node image is built by root on amd64 Debian with Go: elsewhere set KIND_NODE_IMAGE or KIND_NODE_ARCHIVE" >&2
  exit 1
}

finish() {
  findmnt -rno TARGET | grep "^$work/" | sort -r | xargs -r umount -l || true
  rm -rf "$work"
}
trap finish EXIT

step() { # run a function with its output in a log, of which a failure shows the end
  local began=$SECONDS
  # A process of its own: within a condition `set -e` would not hold.
  (set -e; "$1") >"$work/$1.log" 2>&1 &
  if ! wait $!; then
    tail -25 "$work/$1.log" >&2
    echo "node-image.sh: $1 failed" >&2
    exit 1
  fi
  echo "$1: $((SECONDS - began)) s"
}

packages() {
  local missing=()
  for program in debootstrap:debootstrap gcc:gcc zstd:zstd findmnt:util-linux; do
    command -v "${program%%:*}" >/dev/null || missing+=("${program##*:}")
  done
  [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
  [ ${#missing[@]} = 0 ] || { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; }
}

binaries() {
  local package stamp="-s -w"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    stamp+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=34"
    stamp+=" -X $package.gitTreeState=clean -X $package.buildDate=2026-01-01T00:00:00Z"
  done
  (cd "$here/hyperkube" && go build -mod=readonly -trimpath -ldflags "$stamp" -o "$bin/hyperkube" .)
  (cd "$here/coredns" && go build -mod=readonly -trimpath -ldflags "-s -w" -o "$bin/coredns" .)
  GOBIN=$bin go install -trimpath -ldflags "-s -w" "github.com/rancher/local-path-provisioner@$provisioner"
  ln -sf hyperkube "$bin/kubeadm"
  gcc -static -Os -s -o "$bin/pause" "$here/pause.c"
}

debian() {
  local list=systemd,systemd-sysv,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,libseccomp2
  list+=,e2fsprogs,ca-certificates,curl,jq,procps,containerd,runc,containernetworking-plugins,busybox-static,socat
  debootstrap --variant=minbase --include=$list bookworm "$root"
}

node_files() { # kind's own files of its base image travel in its module
  local module; module=$(cd "$work" && go mod download -json "sigs.k8s.io/kind@$kind" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
  cp -r --no-preserve=mode,ownership "$module"/images/base/files/{etc,kind,usr} "$root/"
  chmod 755 "$root"/kind "$root"/kind/bin "$root"/kind/bin/* "$root"/usr/local/bin/{entrypoint,clean-install}
  install -m 755 "$bin/hyperkube" "$root/usr/bin/hyperkube"
  local name
  for name in kubeadm kubelet kubectl; do ln -sf hyperkube "$root/usr/bin/$name"; done
  ln -sf /usr/bin/hyperkube "$root/usr/local/bin/crictl"
  # kind's units name /usr/local/bin
  for name in containerd ctr containerd-shim-runc-v2; do ln -sf "/usr/bin/$name" "$root/usr/local/bin/$name"; done
  mkdir -p "$root/opt/cni/bin"
  for name in host-local loopback ptp portmap bridge; do ln -sf "/usr/lib/cni/$name" "$root/opt/cni/bin/$name"; done
  containerd_files
  systemd_files
  mkdir -p "$root"/etc/kubernetes/manifests "$root"/kind/manifests "$root"/etc/cni/net.d
  printf %s "$kubernetes" >"$root/kind/version"
  cp "$here/network.yaml" "$root/kind/manifests/default-cni.yaml"
  python3 "$here/storage_manifest.py" "$module" "$provisioner" >"$root/kind/manifests/default-storage.yaml"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
}

containerd_files() {
  # Without CAP_SYS_RESOURCE no sandbox starts unless the first is set; with it, it does no harm.
  sed -i -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' \
    -e "s#/pause:[0-9.]*\"#/pause:$pause\"#" "$root/etc/containerd/config.toml"
  grep -q 'restrict_oom_score_adj = true' "$root/etc/containerd/config.toml"
  chroot "$root" ctr oci spec | python3 -c '
import json, sys
spec = json.load(sys.stdin)
spec["hooks"] = {"createContainer": [{"path": "/kind/bin/mount-product-files.sh"}]}
spec["process"].pop("rlimits", None)
json.dump(spec, sys.stdout)' >"$work/cri-base.json"
  mv "$work/cri-base.json" "$root/etc/containerd/cri-base.json"
}

systemd_files() { # as the Dockerfile of kind's base image does
  (
    cd "$root"
    rm -f lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
      lib/systemd/system/multi-user.target.wants/* etc/systemd/system/*.wants/* \
      lib/systemd/system/local-fs.target.wants/* lib/systemd/system/basic.target.wants/* \
      lib/systemd/system/sockets.target.wants/*{udev,initctl}*
  )
  grep -q ReadKMsg=no "$root/etc/systemd/journald.conf" || echo ReadKMsg=no >>"$root/etc/systemd/journald.conf"
  ln -sf /usr/lib/systemd/systemd "$root/sbin/init"
  chroot "$root" systemctl enable kubelet.service containerd.service undo-mount-hacks.service
  chroot "$root" systemctl mask systemd-binfmt.service
}

images() { # what kubeadm asks for, and storage; one layer serves the control plane and the network
  local lib=usr/lib/x86_64-linux-gnu name file
  mkdir -p "$layers"/hyperkube/{usr/local/bin,usr/sbin,bin,tmp,etc,var,run,$lib}
  mkdir -p "$layers"/{coredns,pause,provisioner/usr/local/bin,shell/bin,shell/tmp}
  cd "$layers/hyperkube"
  cp "$bin/hyperkube" usr/local/bin/
  for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd kubectl; do
    ln -s hyperkube "usr/local/bin/$name"
  done
  cp "$root/bin/busybox" bin/
  for name in sh cat ls grep mkdir rm sleep echo; do ln -s busybox "bin/$name"; done
  cp "$root"/usr/sbin/xtables-{nft,legacy}-multi usr/sbin/
  cp -r "$root/$lib/xtables" "$lib/"
  for file in usr/sbin/xtables-nft-multi usr/sbin/xtables-legacy-multi "$lib"/xtables/*.so; do
    chroot "$root" ldd "/$file" 2>/dev/null || true
  done | grep -o '/[^ ]*' | sort -u | while read -r file; do
    [ -f "$root$file" ] || continue
    mkdir -p ".$(dirname "$file")"
    cp -L "$root$file" ".$file"
  done
  install -m 755 "$here/iptables-wrapper" usr/sbin/iptables-wrapper
  for name in ip{,6}tables{,-save,-restore}; do ln -s iptables-wrapper "usr/sbin/$name"; done
  echo root:x:0:0:root:/root:/bin/sh >etc/passwd
  cp "$bin/coredns" "$layers/coredns/"
  cp "$bin/pause" "$layers/pause/"
  cp "$bin/local-path-provisioner" "$layers/provisioner/usr/local/bin/"
  cp "$root/bin/busybox" "$layers/shell/bin/"
  for name in $("$root/bin/busybox" --list); do [ "$name" = busybox ] || ln -sf busybox "$layers/shell/bin/$name"; done
  for name in hyperkube coredns pause provisioner shell; do
    tar --numeric-owner --owner 0 --group 0 --mtime 2026-01-01 --sort name -C "$layers/$name" -cf "$layers/$name.tar" .
  done
  # kubeadm itself says under which names it looks for its images
  "$bin/kubeadm" config images list --kubernetes-version "$kubernetes" |
    python3 "$here/image_list.py" "$layers" "$provisioner" | python3 "$here/docker_archive.py" "$work/images.tar"
}

preload() { # unpack the images into the node's own store, by its own containerd
  mkdir -p "$root/var/lib/containerd"
  mv "$work/images.tar" "$root/images.tar"
  cp "$here/preload.sh" "$root/preload.sh"
  unshare --mount --pid --fork --kill-child bash -c "
    mount --make-rprivate / && mount --bind $root $root && mount -t proc proc $root/proc &&
    mount -t tmpfs tmpfs $root/run && mount --rbind /dev $root/dev && chroot $root bash /preload.sh"
  rm -f "$root/images.tar" "$root/preload.sh"
}

node() {
  mkdir "$work/context"
  tar --numeric-owner --xattrs -C "$root" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' \
    -cf "$work/context/root.tar" .
  cat >"$work/context/Dockerfile" <<'X'
FROM scratch
ADD root.tar /
ENV container=docker PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
X
  DOCKER_BUILDKIT=0 docker build --quiet --tag "$tag" "$work/context"
  rm -rf "$work/context" "$root" # room for the archive
  mkdir -p "$(dirname "$archive")"
  docker save "$tag" | zstd -q --long=27 -T0 -o "$archive.new"
  mv "$archive.new" "$archive"
}

for name in packages binaries debian node_files images preload node; do step "$name"; done
