#!/bin/bash
# A Docker daemon for the cluster suite, where none runs.
#   docker.sh up       uses the one that runs; else starts one (root on Debian; installs docker.io where it is missing)
#   docker.sh down     ends the one that `up` started, and removes its data, bridges and iptables rules
#   docker.sh running  succeeds where one answers
# Exit code 3 with one sentence where there is none and none can be started.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
state=${XDG_CACHE_HOME:-$HOME/.cache}/calrissian-dask/docker
pidfile=$state/dockerd.pid
# Of the range for benchmarks (RFC 2544), which no network that a machine is part of uses.
bridge=198.18.250.1/24
pool=198.18.240.0/21
ours='DOCKER|docker0|198\.18\.(24[0-7]|250)\.'

say() { echo "$*" >&2; }

running() { docker info >/dev/null 2>&1; }

started_here() { # a pid alone may belong to another process by now
  [ -f "$pidfile" ] && tr '\0' ' ' <"/proc/$(cat "$pidfile")/cmdline" 2>/dev/null | grep -qF -- "--pidfile $pidfile"
}

up() {
  running && return 0
  [ -z "${DOCKER_HOST:-}" ] || { say "DOCKER_HOST is $DOCKER_HOST and no Docker answers there: start it, or unset DOCKER_HOST"; return 3; }
  [ "$(id -u)" = 0 ] || { say "no Docker answers this user: start one, or run this as root, who can"; return 3; }
  install_docker || return 3
  running && return 0 # the package has started it
  ! pgrep -x dockerd >/dev/null || { say "a dockerd runs here and does not answer: look at its log"; return 3; }
  start
}

install_docker() {
  command -v dockerd >/dev/null && return 0
  command -v apt-get >/dev/null || { say "no Docker runs here and without apt-get none can be installed: start one"; return 1; }
  say "installing docker.io"
  mkdir -p "$state"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends docker.io iptables; } \
    >"$state/apt.log" 2>&1 || { tail -5 "$state/apt.log" >&2; say "docker.io could not be installed"; return 1; }
  for _ in $(seq 25); do running && return 0; pgrep -x dockerd >/dev/null || return 0; sleep 0.2; done
}

start() {
  local bounding runtime=()
  bounding=$(awk '/CapBnd/{print $2}' /proc/self/status)
  # CAP_SYS_RESOURCE is number 24 in linux/capability.h; kind's `docker run --privileged` asks for it by name.
  [ $((0x$bounding >> 24 & 1)) = 1 ] || runtime=(--add-runtime "nores=$here/runc-nores" --default-runtime nores)
  mkdir -p "$state/data" "$state/exec"
  # Docker changes both; what an earlier daemon left is not what was there before it.
  [ -s "$state/forward-policy" ] || iptables -S FORWARD 2>/dev/null | head -1 >"$state/forward-policy"
  [ -s "$state/ip-forward" ] || cat /proc/sys/net/ipv4/ip_forward >"$state/ip-forward"
  nohup setsid dockerd --data-root "$state/data" --exec-root "$state/exec" --pidfile "$pidfile" \
    -H unix:///var/run/docker.sock --bip $bridge --default-address-pool base=$pool,size=24 \
    "${runtime[@]}" >"$state/dockerd.log" 2>&1 </dev/null &
  for _ in $(seq 150); do running && return 0; sleep 0.2; done
  tail -3 "$state/dockerd.log" >&2
  say "a Docker daemon was started here and does not answer"
  down
  return 3
}

down() {
  [ -d "$state" ] || return 0
  if started_here; then
    docker ps --all --quiet | xargs -r docker rm --force --volumes >/dev/null
    docker network prune --force >/dev/null
    end "$(cat "$pidfile")" || return 1
  fi
  local containerd=$state/exec/containerd/containerd.pid
  [ ! -f "$containerd" ] || end "$(cat "$containerd")"
  [ ! -f "$state/forward-policy" ] || clean_network
  grep -o " $state/[^ ]*" /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
  rm -rf "$state"
}

end() {
  kill "$1" 2>/dev/null || return 0
  for _ in $(seq 150); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.2; done
  say "process $1 does not end"
  return 1
}

clean_network() { # what a daemon leaves behind when it ends
  local program table rule chain
  ip link del docker0 2>/dev/null
  for program in iptables ip6tables; do
    for table in filter nat raw; do
      # eval: a rule's words are quoted as in a shell
      "$program-save" -t $table 2>/dev/null | grep -E "^-A .*($ours)" | sed 's/^-A/-D/' |
        while read -r rule; do eval "$program -t $table $rule"; done
      for option in -F -X; do
        "$program-save" -t $table 2>/dev/null | grep -oE '^:DOCKER[A-Z0-9-]*' | tr -d : |
          while read -r chain; do "$program" -t $table $option "$chain"; done
      done
    done
  done
  [ ! -s "$state/forward-policy" ] || eval "iptables $(cat "$state/forward-policy")"
  cat "$state/ip-forward" >/proc/sys/net/ipv4/ip_forward
}

case ${1:-} in
  up | down | running) "$1" ;;
  *) say "usage: docker.sh up|down|running"; exit 2 ;;
esac
