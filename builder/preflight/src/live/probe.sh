# Asks a running system what the checks want to know, changes nothing, and writes the answers as numbered lines.
# POSIX sh; of other programs only what coreutils or BusyBox have. The questions are calls of these functions, at the end.
#
# An answer is `@rs TOKEN NUMBER LENGTH KEY=VALUE`. Kernel messages may fall into a line: then its length is wrong, and the
# line counts as not written. So all lines are written twice.
export LC_ALL=C
trap '' HUP
out=
count=0
newline='
'

say() {
    [ "$count" -lt 3000 ] || return 0
    count=$((count + 1))
    out="$out$1=${2%%"$newline"*}$newline"
}

# A list: its lines, then how many there were.
say_lines() {
    lines=0
    if [ -n "$2" ]; then
        while IFS= read -r line; do
            say "$1" "$line"
            lines=$((lines + 1))
        done <<EOF
$2
EOF
    fi
    say "$1#" "$lines"
}

first_line() {
    IFS= read -r line 2>/dev/null <"$1" || [ -n "$line" ] || line=
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# At most this many seconds, where there is a program for that.
within() {
    seconds=$1
    shift
    if has timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

# The nearest folder that is there.
nearest() {
    case $1 in
    /*) near=$1 ;;
    *) near=/ ;;
    esac
    while [ ! -e "$near" ]; do
        near=${near%/*}
        [ -n "$near" ] || near=/
    done
}

# A regular file with an x bit in the PATH: not the shell's own word for it.
find_program() {
    found=
    rest=$PATH:
    while [ -n "$rest" ]; do
        folder=${rest%%:*}
        rest=${rest#*:}
        if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then
            found=$folder/$1
            return 0
        fi
    done
    return 1
}

# --- what is asked of every system

ask_system() {
    say uname.system "$(uname -s)"
    say uname.release "$(uname -r)"
    say uname.machine "$(uname -m)"
    say uptime "$(cut -d ' ' -f 1 /proc/uptime 2>/dev/null)"
    say memory.kib "$(sed -n 's/^MemTotal:  *\([0-9]*\) kB$/\1/p' /proc/meminfo 2>/dev/null)"
    # Without the words that led here.
    say cmdline "$(head -c 4000 /proc/cmdline 2>/dev/null | tr '\n' ' ' | sed 's/ rootsmith\.probe .*//')"
    say init.comm "$(cat /proc/1/comm 2>/dev/null)"
    say init.exe "$(readlink /proc/1/exe 2>/dev/null)"
    say efi "$(if [ -d /sys/firmware/efi ]; then echo yes; else echo no; fi)"
    say hostname "$(uname -n)"
    say limits.soft "$(ulimit -Sn)"
    say limits.hard "$(ulimit -Hn)"
}

ask_state() {
    state=unknown
    failed=
    if [ -d /run/systemd/system ] && has systemctl; then
        state=$(systemctl is-system-running 2>/dev/null)
        failed=$(systemctl list-units --failed --plain --no-legend 2>/dev/null | cut -d ' ' -f 1 | head -n 50)
    fi
    say state "$state"
    say_lines failed "$failed"
}

ask_mounts() {
    say_lines mount "$(head -n 200 /proc/self/mountinfo 2>/dev/null)"
    say_lines fstab "$(sed '/^[[:blank:]]*#/d; /^[[:blank:]]*$/d' /etc/fstab 2>/dev/null | head -n 100)"
    say_lines swap "$(sed 1d /proc/swaps 2>/dev/null | head -n 20)"
    say type.proc "$(stat -f -c %t /proc 2>/dev/null)"
    say type.cgroup "$(stat -f -c %t /sys/fs/cgroup 2>/dev/null)"
    # The root's own partition, by the names that a command line may use.
    root=$(sed -n 's/^[^ ]* [^ ]* \([0-9]*:[0-9]*\) [^ ]* \/ .*/\1/p' /proc/self/mountinfo 2>/dev/null | tail -n 1)
    device=$(sed -n 's/^DEVNAME=//p' "/sys/dev/block/$root/uevent" 2>/dev/null)
    names=
    # A device that maps others has no names, but they have.
    for below in "/sys/dev/block/$root/slaves"/*; do
        [ -e "$below/dev" ] && names="$names$(names_of "$(cat "$below/dev")" "/dev/${below##*/}")"
    done
    for key in partuuid partlabel uuid label; do
        for link in "/dev/disk/by-$key"/*; do
            [ -n "$device" ] && [ "$(readlink -f "$link" 2>/dev/null)" = "/dev/$device" ] || continue
            names="$names $key=${link##*/}"
        done
    done
    # Without udev there are no such links.
    [ -n "$names" ] || names=$(names_of "$root" "/dev/$device")
    say root.device "$device"
    say root.names "$names"
}

# Bytes of a device ($1) from a place ($2) on, so many ($3), in hexadecimal.
bytes() {
    dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -A n -v -t x1 | tr -d ' \n'
}

# The number that four little-endian bytes ($1, in hexadecimal) are.
number_of() {
    echo "$((0x$(printf '%s' "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/')))"
}

# A partition's ($1: its numbers, $2: its device) names as the partition table and the file system have them. GPT: a header in
# the second block, at 72 where its entries are, at 84 how long one is. Else an MBR's signature and the number.
names_of() {
    sys=/sys/dev/block/$1
    block=$(cat "$sys/../queue/logical_block_size" 2>/dev/null)
    index=$(cat "$sys/partition" 2>/dev/null)
    disk=/dev/$(sed -n 's/^DEVNAME=//p' "$sys/../uevent" 2>/dev/null)
    if [ -n "$block" ] && [ -n "$index" ] && [ -b "$disk" ]; then
        if [ "$(bytes "$disk" "$block" 8)" = 4546492050415254 ]; then
            first=$(number_of "$(bytes "$disk" "$((block + 72))" 4)")
            length=$(number_of "$(bytes "$disk" "$((block + 84))" 4)")
            bytes "$disk" "$((first * block + (index - 1) * length + 16))" 16 |
                sed 's/^\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(....\)/ partuuid=\4\3\2\1-\6\5-\8\7-\9-/'
            sed -n 's/^PARTNAME=/ partlabel=/p' "$sys/uevent"
        elif [ "$(bytes "$disk" 510 2)" = 55aa ]; then
            printf ' partuuid=%08x-%02x' "$(number_of "$(bytes "$disk" 440 4)")" "$index"
        fi | tr -d '\n'
    fi
    if has blkid; then
        blkid "$2" 2>/dev/null | tr ' ' '\n' |
            sed -n 's/^UUID="\(.*\)"$/ uuid=\1/p; s/^LABEL="\(.*\)"$/ label=\1/p' | tr -d '\n'
    fi
}

ask_cgroups() {
    say cgroup.controllers "$(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null)"
    say cgroup.v1 "$(sed -n 's/^\([a-z_]*\)[[:blank:]].*[[:blank:]]1$/\1/p' /proc/cgroups 2>/dev/null | tr '\n' ' ')"
    own=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
    say cgroup.own "$own"
    # The topmost group has no such file. k0s makes one below it then, and so does this.
    group=$own
    if [ "$own" = / ]; then
        group=/rootsmith-probe
        mkdir "/sys/fs/cgroup$group" 2>/dev/null
    fi
    say cgroup.freeze "$(if [ -n "$own" ] && [ -e "/sys/fs/cgroup$group/cgroup.freeze" ]; then echo yes; else echo no; fi)"
    [ "$group" = "$own" ] || rmdir "/sys/fs/cgroup$group" 2>/dev/null
    # A service under `DevicePolicy=closed` must not open what this one can.
    opened=no
    (exec 3</dev/kmsg) 2>/dev/null && opened=yes
    closed=unknown
    if has systemctl && systemctl cat rootsmith-closed.service >/dev/null 2>&1; then
        systemctl start rootsmith-closed.service >/dev/null 2>&1
        case $(systemctl show -p Result -p ExecMainStatus rootsmith-closed.service | sort | tr '\n' ' ') in
        ExecMainStatus=0\ Result=success\ ) closed=opened ;;
        ExecMainStatus=9\ Result=exit-code\ ) closed=refused ;;
        esac
    fi
    say device.open "$opened"
    say device.closed "$closed"
}

ask_names() {
    say_lines hosts "$(grep -i localhost /etc/hosts 2>/dev/null | head -n 20)"
    say_lines nsswitch "$(grep '^[[:blank:]]*hosts:' /etc/nsswitch.conf 2>/dev/null | head -n 5)"
    say localhost "$(if has getent; then within 10 getent ahosts localhost | cut -d ' ' -f 1 | sort -u | tr '\n' ' '; fi)"
    state=none
    [ -L /etc/resolv.conf ] && state=dangling
    [ -f /etc/resolv.conf ] && state=file
    say resolv "$state"
    say_lines nameserver "$(sed -n 's/^[[:blank:]]*nameserver[[:blank:]]*//p' /etc/resolv.conf 2>/dev/null | head -n 10)"
    # A lease may take longer than everything else.
    tries=0
    while [ -n "$(sed '1,2d; /^ *lo:/d' /proc/net/dev 2>/dev/null)" ] && [ -z "$(sed 1d /proc/net/route 2>/dev/null)" ] &&
        [ "$tries" -lt 10 ]; do
        sleep 2
        tries=$((tries + 1))
    done
    say_lines route "$(sed -n '2,40p' /proc/net/route 2>/dev/null | cut -f 1,2,3)"
}

# Its time is not before the machine's start; a minute for a clock that was set meanwhile.
made_since_boot() {
    time=$(stat -L -c %Y "$1" 2>/dev/null)
    if [ -n "$time" ] && [ -n "$boot" ] && [ "$((time + 60))" -ge "$boot" ]; then echo yes; else echo no; fi
}

# Those whose password field is of this pattern. `x` points from one file to the other.
accounts() {
    for file in /etc/passwd /etc/shadow; do
        sed -n "s/^\\([^:][^:]*\\):$1:.*/\\1/p" "$file" 2>/dev/null | head -n 20 | while IFS= read -r line; do
            grep -q "^$line:x:" "$file" 2>/dev/null || echo "$line"
        done
    done
}

ask_identity() {
    boot=$(sed -n 's/^btime //p' /proc/stat 2>/dev/null)
    state=none
    if [ -f /etc/machine-id ]; then
        first_line /etc/machine-id
        case $line in
        '') state=empty ;;
        uninitialized) state=uninitialized ;;
        *[!0-9a-f]*) state=other ;;
        ????????????????????????????????) state=set ;;
        *) state=other ;;
        esac
    fi
    say machine-id "$state"
    say machine-id.made "$(made_since_boot /etc/machine-id)"
    state=no
    for file in /var/lib/dbus/machine-id /etc/machine-id; do [ -s "$file" ] && state=yes; done
    say machine-id.source "$state"
    number=0
    for file in /etc/ssh/ssh_host_*_key /etc/dropbear/dropbear_*_host_key; do
        [ -s "$file" ] || continue
        number=$((number + 1))
        say host-key "$(made_since_boot "$file") ${file##*/}"
    done
    say "host-key#" "$number"
    say_lines password.empty "$(accounts '')"
    say_lines password.set "$(accounts '[^*!:][^:]*')"
}

ask_security() {
    say apparmor "$(if [ -d /sys/kernel/security/apparmor ]; then echo active; else echo no; fi)"
    say lsm "$(cat /sys/kernel/security/lsm 2>/dev/null)"
    for file in kmsg shm pts mqueue null; do
        say "dev.$file" "$(if [ -e "/dev/$file" ]; then echo yes; else echo no; fi)"
    done
    bundle=
    for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem \
        /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/cert.pem; do
        [ -s "$file" ] && bundle=$file && break
    done
    say ca-bundle "$bundle"
}

# What runs, of what sets clocks or serves logins; of services that end at once, those that systemd counts as active.
ask_daemons() {
    daemon=
    server=no
    for file in /proc/[0-9]*/comm; do
        first_line "$file"
        case $line in
        chronyd | ntpd | openntpd | systemd-timesyn | ptp4l | phc2sys) daemon="$line" ;;
        sshd | dropbear) server=yes ;;
        esac
    done
    if [ -d /run/systemd/system ] && has systemctl; then
        for unit in fake-hwclock fake-hwclock-load; do
            if systemctl is-active -q "$unit.service" 2>/dev/null; then daemon="$daemon $unit"; fi
        done
        for unit in ssh.socket sshd.socket; do
            if systemctl is-active -q "$unit" 2>/dev/null; then server=yes; fi
        done
    fi
    say sshd.runs "$server"
    say time.daemon "$daemon"
}

# --- the kernel's configuration, where k0s looks for it

show_config() {
    case $1 in
    *.gz) gzip -dc "$1" 2>/dev/null || zcat "$1" 2>/dev/null ;;
    *) cat "$1" 2>/dev/null ;;
    esac
}

# ask_config SYMBOL|SYMBOL|…
ask_config() {
    release=$(uname -r)
    # Empty where everything is built in.
    say modules.folder "$(if [ -f "/lib/modules/$release/modules.dep" ]; then echo yes; else echo no; fi)"
    say modules.loaded "$(sed -n '$=' /proc/modules 2>/dev/null)"
    number=0
    for file in /proc/config.gz "/boot/config-$release" "/usr/src/linux-$release/.config" /usr/src/linux/.config \
        "/usr/lib/modules/$release/config" "/usr/lib/ostree-boot/config-$release" "/usr/lib/kernel/config-$release" \
        "/usr/src/linux-headers-$release/.config" "/lib/modules/$release/build/.config"; do
        [ -e "$file" ] || continue
        number=$((number + 1))
        # The first is believed; a second one shows whether it says the same.
        [ "$number" -le 2 ] || break
        say "config.$number.file" "$file"
        text=$(show_config "$file" | grep -E "^[[:blank:]]*(CONFIG_($1)=[ymn]|# Linux/.* Kernel Configuration)")
        say "config.$number.version" "$(printf '%s\n' "$text" | sed -n 's/^# Linux\/[^ ]* \(.*\) Kernel Configuration.*/\1/p')"
        values=$(printf '%s\n' "$text" | sed -n 's/^[[:blank:]]*CONFIG_\([A-Za-z0-9_]*\)=\([ymn]\).*/\1=\2/p')
        packed=
        for value in $values; do
            packed="$packed $value"
            if [ "${#packed}" -gt 120 ]; then
                say "config.$number.values" "$packed"
                packed=
            fi
        done
        say "config.$number.values" "$packed"
    done
    say config.files "$number"
}

# How `modprobe` would end, without doing it: every file that it names can be read.
ask_module() {
    plan=$(modprobe -D "$1" 2>/dev/null)
    state=missing
    if [ -n "$plan" ]; then
        state=builtin
        while IFS=' ' read -r verb file options; do
            case $verb in
            insmod) if [ ! -r "$file" ]; then state="unreadable $file"; elif [ "$state" = builtin ]; then state=ready; fi ;;
            builtin) ;;
            *) state="instead $verb $file $options" ;;
            esac
        done <<EOF
$plan
EOF
    fi
    if [ "$state" = missing ] && grep -q "^$1 " /proc/modules 2>/dev/null; then state=loaded; fi
    say "module.$1" "$state"
    say "module.$1.loaded" "$(if [ -d "/sys/module/$1" ]; then echo yes; else echo no; fi)"
}

# --- what only some checks want to know

ask_program() {
    if ! find_program "$1"; then
        say "program.$1" none
        return
    fi
    case $1 in
    # These may do what they are for, whatever they are asked.
    halt | reboot | poweroff | shutdown | init | telinit | switch_root) status=0 ;;
    *)
        within 10 "$found" --version </dev/null >/dev/null 2>&1
        status=$?
        ;;
    esac
    say "program.$1" "$status $found"
}

ask_iptables() {
    if find_program iptables; then
        say iptables "$(within 10 "$found" -V 2>/dev/null </dev/null | head -n 1)"
        within 20 "$found" -t nat -S >/dev/null 2>&1 </dev/null
        say iptables.nat "$?"
    else
        say iptables none
    fi
}

ask_folder() {
    nearest "$1"
    say "nearest:$1" "$near"
    # Blocks of 1024 bytes: all, and what is left for ordinary programs.
    say "room:$1" "$(df -P -k "$near" 2>/dev/null | sed -n '$s/.*  *\([0-9][0-9]*\)  *[0-9][0-9]*  *\([0-9][0-9]*\)  *[0-9]*%.*/\1 \2/p')"
    say "writable:$1" "$(if [ -w "$near" ]; then echo yes; else echo no; fi)"
}

ask_snippets() {
    number=0
    for file in "$1"/*.toml; do
        [ -e "$file" ] || [ -L "$file" ] || continue
        number=$((number + 1))
        [ "$number" -le 20 ] || break
        say "snippet:$1" "$file"
        if [ -f "$file" ] && [ -r "$file" ]; then
            say_lines "text:$file" "$(head -n 200 "$file")"
        fi
    done
    say "snippet:$1#" "$number"
}

ask_user() {
    say "user.$1" "$(if grep -q "^$1:" /etc/passwd 2>/dev/null; then echo yes; else echo no; fi)"
}

ask_sysctl() {
    file=/proc/sys/$(printf '%s' "$1" | tr ./ /.)
    say "sysctl.$1" "$(tr -s '[:space:]' ' ' 2>/dev/null <"$file")"
}

ask_mode() {
    say "mode:$1" "$(if [ -e "$1" ]; then stat -L -c '%a %u %g' "$1" 2>/dev/null; else echo none; fi)"
}

settings=
ask_sshd() {
    if ! find_program sshd; then
        say "sshd.$1" none
        return
    fi
    [ -n "$settings" ] || settings=$(within 20 "$found" -T 2>/dev/null </dev/null)
    say "sshd.$1" "$(printf '%s\n' "$settings" | sed -n "s/^$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]') //p" | head -n 1)"
}

# --- the answers

# What the console could take for something else is no part of a line, and none is endless.
write_lines() {
    number=0
    while IFS= read -r line; do
        number=$((number + 1))
        printf '\n@rs %s %s %s %s' "$TOKEN" "$number" "${#line}" "$line"
    done
    printf '\n@rs %s all %s\n' "$TOKEN" "$number"
}

write_answers() {
    printf '%s' "$out" | tr '\t' ' ' | tr -c '\n -~' '?' | cut -c 1-4096 | write_lines
}

# Until the system has come up, or for two minutes.
wait_for_system() {
    [ -d /run/systemd/system ] && has systemctl || return 0
    tries=0
    while [ "$tries" -lt 60 ]; do
        case $(systemctl is-system-running 2>/dev/null) in
        initializing | starting) sleep 2 ;;
        *) return 0 ;;
        esac
        tries=$((tries + 1))
    done
}

# The first console of the list that can be written.
find_console() {
    for console in $CONSOLES; do
        if [ -c "$console" ] && (: >"$console") 2>/dev/null; then return 0; fi
    done
    console=/dev/stdout
}

# A getty that starts on the console throws out whoever has it open: so it is opened anew each time, by a child, which
# does not get it as its controlling terminal.
finish() {
    find_console
    for pass in 1 2; do
        (write_answers >"$console")
        [ "$console" = /dev/stdout ] || sleep 1
    done
    for pass in 1 2 3; do
        (printf '\n@rs %s end\n' "$TOKEN" >"$console")
        [ "$console" = /dev/stdout ] || sleep 1
    done
}
