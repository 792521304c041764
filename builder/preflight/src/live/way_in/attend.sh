# Waits in the initramfs' root, which nobody sees any more, until the system has come up; then goes into its root.
# Of programs only BusyBox, linked by its names into $place/bin.
PATH=$place/bin
proc=$place/proc
mkdir "$proc"
mount -t proc proc "$proc"

seconds() {
    read -r up _ <"$proc/uptime"
    up=${up%%.*}
}

# The first program still has the initramfs as its root.
while [ -d "$proc/1/root$place" ]; do sleep 1; done

# A login prompt comes last: sysvinit and BusyBox wait for what they start before it. A system without one gets its time.
prompt() {
    for folder in "$proc"/[0-9]*; do
        read -r name 2>/dev/null <"$folder/comm" || continue
        case $name in
        *getty | login | sulogin) return 0 ;;
        esac
    done
    folder=$proc/1
    return 1
}
seconds
end=$((up + 240))
until prompt || { seconds && [ "$up" -ge "$end" ]; }; do sleep 1; done

# What is not waited for still runs: until the processors are idle for the most part, or for a minute.
sample() {
    read -r _ user nice system idle wait _ <"$proc/stat"
    idle=$((idle + wait))
    all=$((user + nice + system + idle))
}
seconds
end=$((up + 60))
while :; do
    sample
    idle_before=$idle all_before=$all
    sleep 3
    sample
    seconds
    if [ "$((10 * (idle - idle_before)))" -ge "$((6 * (all - all_before)))" ] || [ "$up" -ge "$end" ]; then break; fi
done

# The PATH that the first program gives to what it starts.
path=$(tr '\000' '\n' <"$folder/environ" | sed -n 's/^PATH=//p')
target=$proc/1/root/run/rootsmith-probe
mkdir -p "$target"
cp "$place/probe" "$place/start" "$place"/*.service "$target/"
exec env -i PATH="${path:-/sbin:/usr/sbin:/bin:/usr/bin}" HOME=/ "$place/bin/chroot" "$proc/1/root" \
    /bin/sh /run/rootsmith-probe/start
