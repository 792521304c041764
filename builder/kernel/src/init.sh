#!/bin/busybox sh
# The first program: finds the root file system, mounts it, and gives way to the init that is on it.
#
# Words of the kernel command line that it knows:
#   root=        PARTUUID=… PARTLABEL=… UUID=… LABEL=… or /dev/…
#   roothash=    instead of root=, what vouches for the root: its first half is the PARTUUID of the root, its second one that of
#                the partition with the hashes (systemd-veritysetup-generator(8)). A block that is not what it was cannot be read
#   rootfstype=  rootflags=  ro  rw  init=    as the kernel has them; ro and /sbin/init unless told otherwise
#   systemd.volatile=overlay  what is written stays in memory, laid over the root, and is gone at the next start
#   rootsmith.state=PARTLABEL=…  a partition of the root's own disk, by its name: what is written below the folders in `kept` stays there
#   systemd.factory_reset=1  that partition is emptied first, as it is when it has the file `factory-reset`
#   rootwait     wait five minutes for the device instead of one; rootwait=SECONDS as it says
#   rescue       a shell on the console when the root cannot be mounted
#   panic=       then there is no waiting after a failure: the kernel panics, and does what it was told to
# Its other words go to init.

set -f # words of the command line are no patterns
PATH=/bin:/usr/sbin

/bin/busybox mount -t proc -o nosuid,noexec,nodev proc /proc
/bin/busybox mount -t sysfs -o nosuid,noexec,nodev sysfs /sys
/bin/busybox mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev
/bin/busybox --install -s /bin

# What is kept over a root that cannot be written; the rest of it is the image's.
kept='etc var home root srv opt'

root='' roothash='' hashes='' rootfstype='' rootflags='' mode=ro init=/sbin/init limit=60 rescue='' panic=''
volatile='' state='' reset=''
for word in $(cat /proc/cmdline); do
	case $word in
	root=*) root=${word#*=} ;;
	roothash=*) roothash=${word#*=} ;;
	rootfstype=*) rootfstype=${word#*=} ;;
	rootflags=*) rootflags=${word#*=} ;;
	ro | rw) mode=$word ;;
	systemd.volatile=*) volatile=${word#*=} ;;
	rootsmith.state=*) state=${word#*=} ;;
	systemd.factory_reset | systemd.factory_reset=1 | systemd.factory_reset=yes) reset=yes ;;
	systemd.factory_reset=true | systemd.factory_reset=on) reset=yes ;;
	init=*) init=${word#*=} ;;
	rootwait) limit=300 ;;
	rootwait=*) limit=${word#*=} ;;
	rescue) rescue=yes ;;
	panic=*) panic=${word#*=} ;;
	esac
done
case $limit in '' | *[!0-9]* | 0?*) limit=60 ;; esac

say() {
	echo "initramfs: $*"
}

# $1 bytes from place $2 of device $3, in hexadecimal.
bytes() {
	dd if="$3" bs=1 skip="$2" count="$1" 2>/dev/null | hexdump -v -e '1/1 "%02x"'
}

# The little-endian number that the hexadecimal digits $1 are.
number() {
	digits=$1 value=0x
	while [ -n "$digits" ]; do
		rest=${digits%??}
		value=$value${digits#"$rest"}
		digits=$rest
	done
	echo $((value))
}

# The partition's PARTUUID; $1 is its folder below /sys. Kernels before 6.13 do not tell, so the partition table is read:
# GPT (UEFI 2.10, 5.3: a header in block 1, at 72 where its entries are, at 84 how long one is), else the MBR's
# signature with the partition's number.
partuuid() {
	uuid=$(sed -n 's/^PARTUUID=//p' "$1/uevent")
	if [ -z "$uuid" ]; then
		disk=$(readlink -f "$1")
		disk=${disk%/*}
		device=/dev/$(sed -n 's/^DEVNAME=//p' "$disk/uevent")
		block=$(cat "$disk/queue/logical_block_size")
		index=$(cat "$1/partition")
		if [ "$(bytes 8 "$block" "$device")" = 4546492050415254 ]; then
			first=$(number "$(bytes 8 $((block + 72)) "$device")")
			length=$(number "$(bytes 4 $((block + 84)) "$device")")
			uuid=$(bytes 16 $((first * block + (index - 1) * length + 16)) "$device" |
				sed -E 's/^(..)(..)(..)(..)(..)(..)(..)(..)(.*)$/\4\3\2\1-\6\5-\8\7-\9/; s/(.{12})$/-\1/')
		elif [ "$(bytes 2 510 "$device")" = 55aa ]; then
			uuid=$(printf '%08x-%02x' "$(number "$(bytes 4 440 "$device")")" "$index")
		fi
	fi
	echo "$uuid" | tr A-F a-f
}

# Every partition's folder below /sys.
partitions() {
	set +f
	for folder in /sys/class/block/*; do
		[ -e "$folder/partition" ] && echo "$folder"
	done
	set -f
}

# The partition whose uuid or label ($1) is $2; only those of the disk $3, a folder below /sys, where that is given.
partition_with() {
	for folder in $(partitions); do
		case $(readlink -f "$folder") in
		"$3"/*) ;;
		*) continue ;;
		esac
		case $1 in
		uuid) found=$(partuuid "$folder") ;;
		label) found=$(sed -n 's/^PARTNAME=//p' "$folder/uevent") ;;
		esac
		if [ "$found" = "$2" ]; then
			echo "/dev/$(sed -n 's/^DEVNAME=//p' "$folder/uevent")"
			return
		fi
	done
}

# The hexadecimal digits $1 as a UUID.
as_uuid() {
	echo "$1" | sed -E 's/^(.{8})(.{4})(.{4})(.{4})(.{12})$/\1-\2-\3-\4-\5/'
}

# The device that $1 names as root= does, once it is there.
find_device() {
	case $1 in
	PARTUUID=*) partition_with uuid "$(echo "${1#*=}" | tr A-F a-f)" ;;
	PARTLABEL=*) partition_with label "${1#*=}" ;;
	UUID=* | LABEL=*) findfs "$1" 2>/dev/null ;;
	/dev/*) [ -b "$1" ] && echo "$1" ;;
	esac
}

find_root() {
	[ -z "$hashes" ] || [ -n "$(find_device "$hashes")" ] || return
	find_device "$root"
}

# The disk, as a folder below /sys, of the partition $1.
disk_of() {
	folder=$(readlink -f "/sys/class/block/${1##*/}")
	echo "${folder%/*}"
}

# The device beside the root on its disk that $1 names by PARTUUID= or PARTLABEL=: an image may be there twice, on two disks.
find_sibling() {
	case $1 in
	PARTUUID=*) partition_with uuid "$(echo "${1#*=}" | tr A-F a-f)" "$(disk_of "$partition")" ;;
	PARTLABEL=*) partition_with label "${1#*=}" "$(disk_of "$partition")" ;;
	esac
}

# Four bytes of the number $1, little-endian, as printf has them.
le32() {
	printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}

# Eight bytes of it.
le64() {
	le32 $(($1 & 4294967295))
	le32 $(($1 >> 32))
}

# Writes the bytes $1, as printf has them, to place $2 of $3.
put() {
	# shellcheck disable=SC2059 # the bytes are a format
	printf "$1" | dd of="$3" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# Makes the partition $1 reach to the end of its disk, where it is the last one; messages call it $2. Nothing is mounted yet, so that
# the kernel takes the new table at once. A partition that cannot grow is one still: this says so and gives way.
grow() {
	what=$2
	folder=/sys/class/block/${1##*/}
	[ -e "$folder/partition" ] || return 0
	disk=$(readlink -f "$folder")
	disk=${disk%/*}
	device=/dev/$(sed -n 's/^DEVNAME=//p' "$disk/uevent")
	sectors=$(cat "$disk/size")
	index=$(cat "$folder/partition")
	start=$(cat "$folder/start") last=$(($(cat "$folder/start") + $(cat "$folder/size")))
	# What is missing at the end is less than anybody aligns to.
	[ $((sectors - last)) -ge 2048 ] || return 0
	set +f
	for other in "$disk/${disk##*/}"*/start; do
		set -f
		[ "$(cat "$other")" -lt "$last" ] || {
			say "$what cannot grow: another partition is behind it"
			return 0
		}
	done
	set -f
	if [ "$(cat "$disk/queue/logical_block_size")" != 512 ]; then
		say "$what cannot grow: the blocks of $device are not those of its table"
		return 0
	fi
	if [ "$(bytes 8 512 "$device")" = 4546492050415254 ]; then
		grow_gpt
	else
		grow_mbr
	fi
	case $? in
	0) blockdev --rereadpt "$device" || say "$what keeps its size: $device is in use" ;;
	1) say "$what keeps its size: the table of $device cannot be written" ;;
	2) say "$what cannot grow: the table of $device is not whole, or has it not" ;;
	3) ;; # an MBR has no larger numbers
	esac
}

# In an MBR an entry has its first sector at 8 and their number at 12 (UEFI 2.10, 5.2.1). One sector is written, so that a power cut
# leaves the old table or the new one.
grow_mbr() {
	entry=$((446 + 16 * (index - 1)))
	size=$((sectors - start))
	[ "$size" -le 4294967295 ] || size=4294967295
	[ "$size" -gt $((last - start)) ] || return 3
	[ "$(bytes 2 510 "$device")" = 55aa ] && [ "$(number "$(bytes 4 $((entry + 8)) "$device")")" = "$start" ] || return 2
	put "$(le32 "$size")" $((entry + 12)) "$device"
}

# Puts the checksum of the GPT header in the file $1 into its place.
seal() {
	put "$(le32 0)" 16 "$1"
	put "$(le32 "0x$(head -c 92 "$1" | crc32)")" 16 "$1"
}

# In a GPT an entry has its first sector at 32 and its last one at 40. The header (UEFI 2.10, 5.3.2) has its size at 12, its CRC-32 at
# 16, its own place at 24, that of its copy at 32, the last sector for partitions at 48; of the entries their place at 72, number
# at 80, length at 84 and CRC-32 at 88. The copy at the new end is written first, which nobody looks for yet; then what counts
# from now on, in one write of 4 KiB.
grow_gpt() {
	entry=$((128 * (index - 1)))
	[ "$entry" -lt 3072 ] || return 2 # not in these 4 KiB
	dd if="$device" of=/first bs=4096 count=1 2>/dev/null &&
		dd if="$device" of=/header bs=512 skip=1 count=1 2>/dev/null &&
		dd if="$device" of=/entries bs=512 skip=2 count=32 2>/dev/null || return 2
	cp /header /copy
	seal /copy
	cmp -s /header /copy && [ "$(bytes 4 12 /header)" = 5c000000 ] &&
		[ "$(bytes 16 72 /header)" = 02000000000000008000000080000000 ] &&
		[ "$(number "$(bytes 4 88 /header)")" = "$((0x$(crc32 </entries)))" ] &&
		[ "$(number "$(bytes 8 $((entry + 32)) /entries)")" = "$start" ] || return 2

	# A file system has blocks of 4 KiB.
	put "$(le64 $(((sectors - 33) / 8 * 8 - 1)))" $((entry + 40)) /entries
	put "$(le64 $((sectors - 34)))" 48 /header
	put "$(le32 "0x$(crc32 </entries)")" 88 /header
	cp /header /copy
	put "$(le64 $((sectors - 1)))$(le64 1)" 24 /copy
	put "$(le64 $((sectors - 33)))" 72 /copy
	seal /copy
	put "$(le64 $((sectors - 1)))" 32 /header
	seal /header
	# The MBR's only entry covers the disk; one that is hybrid has others, and keeps what it has.
	if [ "$(bytes 1 450 /first)$(bytes 4 454 /first)" = ee01000000 ] && [ -z "$(bytes 48 462 /first | tr -d 0)" ]; then
		covered=$((sectors - 1))
		[ "$covered" -le 4294967295 ] || covered=4294967295
		put "$(le32 "$covered")" 458 /first
	fi
	head -c 512 /first >/table
	cat /header >>/table
	head -c 3072 /entries >>/table
	cat /entries /copy >/end
	dd if=/end of="$device" bs=512 seek=$((sectors - 33)) conv=notrunc,fsync 2>/dev/null &&
		dd if=/table of="$device" bs=4096 count=1 conv=notrunc,fsync 2>/dev/null
}

# Lays dm-verity over the root $1, as the superblock of its hashes on $2 says (cryptsetup, "DMVerity"): at 64 how large a block of the
# root is, at 68 one of the hashes, at 72 how many blocks the root has, at 80 how long the salt is, which is at 88. What it says
# is believed as far as the root hash bears it out: with other sizes, or another salt, nothing can be read.
verify() {
	[ "$(bytes 16 0 "$2")" = 76657269747900000100000001000000 ] &&
		[ "$(bytes 8 32 "$2")" = 7368613235360000 ] || return 1
	block=$(number "$(bytes 4 64 "$2")") blocks=$(number "$(bytes 8 72 "$2")")
	salt=$(bytes "$(number "$(bytes 2 80 "$2")")" 88 "$2")
	# There is no udev to wait for.
	DM_DISABLE_UDEV=1 dmsetup create root --readonly --table "0 $((blocks * block / 512)) verity 1 $1 $2 $block \
$(number "$(bytes 4 68 "$2")") $blocks 1 sha256 $roothash ${salt:--}"
}

# Empties the state partition. The flag comes first and goes last: after a power cut it is there, and all of this is done again.
empty_state() {
	say "factory reset: what was kept is taken away"
	touch /sysroot/state/factory-reset
	sync
	left=
	set +f
	for entry in /sysroot/state/* /sysroot/state/.[!.]* /sysroot/state/..?*; do
		case ${entry##*/} in
		factory-reset | lost+found) ;;
		*)
			# What cannot be changed is so by an attribute of its own.
			rm -rf "$entry" 2>/dev/null || {
				chattr -R -i "$entry" 2>/dev/null
				rm -rf "$entry" || left=yes
			}
			;;
		esac
	done
	set -f
	sync
	if [ -n "$left" ]; then
		say "factory reset: something is left, the next start tries again"
		return
	fi
	rm /sysroot/state/factory-reset
	sync
}

# Lays what is kept over the root. Options that tie an upper half to one lower half are off: after an update another root is below.
lay_state() {
	[ -d /sysroot/state ] || fail "there is no /state on $device"
	kept_on=$(find_sibling "$state")
	[ -n "$kept_on" ] || fail "the root's disk has no partition $state, where what is written is to be kept"
	# What a power cut left undone is in its journal, and done now.
	mount -t ext4 "$kept_on" /sysroot/state || fail "cannot mount $kept_on, where what is written is to be kept"
	[ -z "$reset" ] && [ ! -e /sysroot/state/factory-reset ] || empty_state
	for name in $kept; do
		lower=/sysroot/$name upper=/sysroot/state/upper/$name work=/sysroot/state/work/$name
		[ -d "$lower" ] && [ ! -L "$lower" ] || continue
		if [ ! -e "$upper" ]; then
			# The folder's own mode and owner are the upper half's.
			mkdir -p "$upper.new" && chmod "$(stat -c %a "$lower")" "$upper.new" &&
				chown "$(stat -c %u:%g "$lower")" "$upper.new" && mv "$upper.new" "$upper"
		fi
		mkdir -p "$work"
		mount -t overlay -o \
			"lowerdir=$lower,upperdir=$upper,workdir=$work,index=off,metacopy=off,redirect_dir=off,xino=off" \
			overlay "$lower" || fail "cannot keep what is written to /$name: is the module overlay there?"
	done
}

uptime_seconds() {
	read -r seconds _ </proc/uptime
	echo "${seconds%%.*}"
}

# Tells all that is known, then ends as the command line wants it.
fail() {
	say "$*"
	say "  looked for      root=$root${roothash:+, with hashes for $roothash}"
	say "  modules loaded ${loaded:- none}"
	[ -z "$refused" ] || say "  not loaded     $refused"
	say "  block devices:"
	set +f
	for folder in /sys/class/block/*; do
		[ -e "$folder/size" ] || continue
		name=$(sed -n 's/^DEVNAME=//p' "$folder/uevent")
		about="/dev/$name $(($(cat "$folder/size") / 2048)) MiB"
		if [ -e "$folder/partition" ]; then
			about="$about PARTUUID=$(partuuid "$folder")"
			label=$(sed -n 's/^PARTNAME=//p' "$folder/uevent")
			[ -z "$label" ] || about="$about PARTLABEL=$label"
		fi
		say "    $about"
	done
	[ -e "$folder/size" ] || say "    none: is the disk's driver among the modules?"
	set -f
	if [ -n "$rescue" ]; then
		say "here is a shell; its end is the end of the system"
		setsid cttyhack sh
	elif [ -z "$panic" ]; then
		say "cannot go on. Boot with the word 'rescue' on the kernel command line for a shell here."
		while :; do sleep 3600; done
	fi
	exit 1 # the kernel panics
}

loaded='' refused=''
while read -r file; do
	# A driver of hardware that is not there may refuse: no reason to say anything before the root is missed.
	if insmod "/modules/$file" 2>/dev/null; then
		loaded="$loaded ${file%.ko}"
	else
		refused="$refused ${file%.ko}"
	fi
done </modules/order

if [ -n "$roothash" ]; then
	case $roothash in *[!0-9a-f]*) fail "roothash= must be 64 hexadecimal digits" ;; esac
	[ ${#roothash} = 64 ] || fail "roothash= must be 64 hexadecimal digits"
	root=PARTUUID=$(as_uuid "${roothash%????????????????????????????????}")
	hashes=PARTUUID=$(as_uuid "${roothash#????????????????????????????????}")
fi
[ -n "$root" ] || fail "the kernel command line does not say where the root file system is"
case $root in
PARTUUID=* | PARTLABEL=* | UUID=* | LABEL=* | /dev/*) ;;
*) fail "root= must be PARTUUID=…, PARTLABEL=…, UUID=…, LABEL=… or /dev/…" ;;
esac

end=$(($(uptime_seconds) + limit))
until device=$(find_root) && [ -n "$device" ]; do
	[ "$(uptime_seconds)" -lt "$end" ] || fail "no root file system after $limit seconds"
	usleep 200000
done

# Its folder: what is mounted may be a device above it.
partition=/sys/class/block/${device##*/}
if [ -e /grow ]; then
	read -r named </grow
	if [ -z "$named" ]; then
		grow "$device" "the root"
	elif named=$(find_sibling "$named") && [ -n "$named" ]; then
		grow "$named" "$named"
	fi
	# A new table makes the device anew.
	until device=$(find_root) && [ -n "$device" ]; do
		[ "$(uptime_seconds)" -lt "$end" ] || fail "the root file system is gone since it grew"
		usleep 100000
	done
fi

if [ -n "$roothash" ]; then
	verify "$device" "$(find_device "$hashes")" ||
		fail "the hashes that vouch for $device cannot be used"
	device=/dev/mapper/root
fi

place=/sysroot
if [ "$volatile" = overlay ]; then
	place=/below
	mkdir /below /above
fi
mount ${rootfstype:+-t "$rootfstype"} -o "$mode${rootflags:+,$rootflags}" "$device" "$place" ||
	fail "cannot mount $device as the root file system${rootfstype:+ ($rootfstype)}"
if [ "$volatile" = overlay ]; then
	mount -t tmpfs -o mode=0755 tmpfs /above && mkdir /above/upper /above/work &&
		mount -t overlay -o lowerdir=/below,upperdir=/above/upper,workdir=/above/work overlay /sysroot ||
		fail "cannot lay memory over the root file system: is the module overlay there?"
	# Where systemd looks for the partition that memory lies over, as its own systemd-volatile-root.service leaves it: an update
	# has to know the disk.
	if [ -d /sysroot/run/ ] && [ -e "$partition/dev" ] && [ -d /sysroot/usr/lib/systemd ]; then
		mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /sysroot/run && mkdir /sysroot/run/systemd &&
			ln -s "/dev/block/$(cat "$partition/dev")" /sysroot/run/systemd/volatile-root
	fi
fi
[ -z "$state" ] || lay_state
# An absolute link cannot be followed from here, so a link is trusted.
[ -x "/sysroot$init" ] || [ -L "/sysroot$init" ] || fail "there is no $init on $device"
for folder in dev proc sys; do
	mount --move "/$folder" "/sysroot/$folder" || fail "there is no /$folder on $device"
done
exec switch_root /sysroot "$init" "$@"
