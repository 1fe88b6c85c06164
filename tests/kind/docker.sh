#!/bin/bash
# A Docker daemon for the cluster suite, where none runs.
#   docker.sh up      uses the one that runs; else starts one (root on Debian; installs docker.io where it is missing)
#   docker.sh down    ends the one that `up` started, and removes its data, bridges and iptables rules
#   docker.sh running succeeds where one answers
# Exit code 3 with one sentence where there is none and none can be started.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
state=${XDG_CACHE_HOME:-$HOME/.cache}/calrissian-dask/docker
pidfile=$state/dockerd.pid

say() { echo "$*" >&2; }

capable() { # whether this machine may hand out a capability by number
  local bounding; bounding=$(awk '/CapBnd/{print $2}' /proc/self/status)
  [ $((0x$bounding >> $1 & 1)) = 1 ]
}

running() { docker info >/dev/null 2>&1; }

up() {
  running && return 0
  [ "$(id -u)" = 0 ] || { say "no Docker runs here and only root can start one"; return 3; }
  if ! command -v dockerd >/dev/null; then
    command -v apt-get >/dev/null || { say "no Docker runs here, and without apt-get none can be installed"; return 3; }
    say "installing docker.io"
    mkdir -p "$state"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends docker.io iptables; } >"$state/apt.log" 2>&1 ||
      { tail -5 "$state/apt.log" >&2; say "docker.io could not be installed"; return 3; }
  fi
  local runtime=()
  # CAP_SYS_RESOURCE is 24 in linux/capability.h; kind's `docker run --privileged` asks for it by name.
  capable 24 || runtime=(--add-runtime "nores=$here/runc-nores" --default-runtime nores)
  mkdir -p "$state/data" "$state/exec"
  iptables -S FORWARD 2>/dev/null | head -1 >"$state/forward-policy"
  cat /proc/sys/net/ipv4/ip_forward >"$state/ip-forward"
  # Addresses that the usual defaults of Docker and of clouds leave free.
  nohup setsid dockerd --data-root "$state/data" --exec-root "$state/exec" --pidfile "$pidfile" \
    -H unix:///var/run/docker.sock --bip 172.31.250.1/24 \
    --default-address-pool base=172.31.240.0/21,size=24 "${runtime[@]}" >"$state/dockerd.log" 2>&1 </dev/null &
  for _ in $(seq 150); do running && return 0; sleep 0.2; done
  tail -3 "$state/dockerd.log" >&2
  say "a Docker daemon was started here and does not answer"
  down
  return 3
}

ours() { [ -f "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null; }

down() {
  [ -d "$state" ] || return 0
  if ours; then
    local pid; pid=$(cat "$pidfile")
    kill "$pid"
    for _ in $(seq 150); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
    kill -0 "$pid" 2>/dev/null && { say "dockerd $pid does not end"; return 1; }
    clean_network
  fi
  grep -o " $state/[^ ]*" /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
  rm -rf "$state"
}

clean_network() { # what a daemon leaves behind when it ends
  ip link del docker0 2>/dev/null
  local table rule chain
  for table in filter nat; do
    iptables-save -t $table | grep -E '^-A .*(DOCKER|docker0|172\.31\.2(4[0-9]|50)\.)' | sed 's/^-A/-D/' |
      while read -r rule; do eval "iptables -t $table $rule"; done
    iptables-save -t $table | grep -oE '^:DOCKER[A-Z0-9-]*' | tr -d : |
      while read -r chain; do iptables -t $table -F "$chain"; done
    iptables-save -t $table | grep -oE '^:DOCKER[A-Z0-9-]*' | tr -d : |
      while read -r chain; do iptables -t $table -X "$chain"; done
  done
  [ -s "$state/forward-policy" ] && eval "iptables $(cat "$state/forward-policy")"
  cat "$state/ip-forward" >/proc/sys/net/ipv4/ip_forward
}

case ${1:-} in
  up | down | running) "$1" ;;
  *) say "usage: docker.sh up|down|running"; exit 2 ;;
esac
