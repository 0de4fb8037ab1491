#!/usr/bin/env bash
# Boots the system in a folder: systemd is its first process, and it has processes, mounts, control
# groups and a network of its own. Prints the number of a process whose namespaces are the system's,
# for nsenter. Ends when the system has been powered off. The system is cut off when the standard
# input ends.
#
#   packaging/boot.sh ROOT
set -euo pipefail

# What a system finds as its devices.
readonly DEVICES=(null zero full random urandom tty)

# How long its processes may take to end, in tenths of a second.
readonly STEP_MAX=100

# begin: makes what a machine gives a system, and starts its first process. It is in all namespaces.
begin() {
    mount --bind "$root" "$root"
    mount --types proc proc "$root/proc"
    mount --types sysfs --options ro,nosuid,nodev,noexec sysfs "$root/sys"
    mount --types cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mount --types tmpfs --options mode=755 tmpfs "$root/run"
    mount --types tmpfs --options mode=755 tmpfs "$root/dev"
    mkdir "$root/dev/pts" "$root/dev/shm" "$root/run/old"
    mount --types devpts --options newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
    ln --symbolic pts/ptmx "$root/dev/ptmx"
    ln --symbolic /proc/self/fd "$root/dev/fd"
    local device
    for device in "${DEVICES[@]}"; do
        # shellcheck disable=SC2046
        mknod --mode=0666 "$root/dev/$device" c $(stat --format='%Hr %Lr' "/dev/$device")
    done
    cd "$root"
    pivot_root . run/old
    umount --lazy /run/old
    rmdir /run/old
    # A helper of systemd mounts the credentials of a service, which systemd is to see.
    mount --make-rshared /
    # It then leaves hardware alone: clocks, the kernel's messages, modules.
    exec env --ignore-environment container=tickcast PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /usr/lib/systemd/systemd </dev/null >/dev/null 2>&1
}

# host: gives the system a control group, and removes that after its end. It has mounts of its own.
host() {
    local groups group first watch tries
    groups=$(mktemp --directory)
    mount --types cgroup2 cgroup2 "$groups"
    group=$groups/tickcast-boot-$$
    mkdir "$group"
    # The system's own groups begin where its first process is.
    # shellcheck disable=SC2016
    sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' enter "$group" \
        unshare --mount --propagation private --cgroup --pid --fork --kill-child --uts --ipc --net \
        "$0" "$root" begin &
    first=$!
    exec 3<&0
    {
        while read -r; do :; done <&3
        kill -KILL "$first"
    } &
    watch=$!
    echo "$first"
    # Without what the shell says of a process that was killed.
    wait "$first" 2>/dev/null || true
    kill "$watch" 2>/dev/null || true
    # Its last processes end a moment later.
    for ((tries = 0; tries < STEP_MAX; tries++)); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.1
    done
    umount "$groups"
    rmdir "$groups"
}

root=$(realpath "$1")
case ${2-} in
'') exec unshare --mount --propagation private "$0" "$root" host ;;
host) host ;;
begin) begin ;;
esac
