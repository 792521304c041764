#!/usr/bin/env bash
# Makes the seeds in corpus/ again, with the tools of this machine. They are kept small: a fuzzer grows its own.
set -euo pipefail
cd "$(dirname "$0")/corpus"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
export SOURCE_DATE_EPOCH=1700000000 LC_ALL=C.UTF-8

for target in table qcow2 virtual_disk ext4 fat squashfs erofs tar oci; do
    rm -rf "$target"
    mkdir "$target"
done

# A few files: tiny, of some blocks, a folder, links.
files=$work/files
mkdir -p "$files/etc/deep" "$files/bin"
echo localhost >"$files/etc/hosts"
head -c 3000 /dev/zero | tr '\0' x >"$files/bin/init"
ln -s ../etc/hosts "$files/bin/link"
ln "$files/bin/init" "$files/bin/init2"
seq 1 300 >"$files/etc/deep/a-name-that-needs-more-than-one-entry.text"

# Tables.
disk() { rm -f "$work/disk"; truncate -s "$1" "$work/disk"; }
disk 64K
sgdisk -a 1 -n 1:40:60 -c 1:esp -t 1:ef00 -n 2:61:90 "$work/disk" >/dev/null
cp "$work/disk" table/gpt
sgdisk -h 1 "$work/disk" >/dev/null
cp "$work/disk" table/hybrid
disk 64K
sfdisk -q "$work/disk" <<'END'
label: dos
label-id: 0x1234abcd
start=1,size=9,type=c
start=20,size=100,type=5
start=22,size=10,type=83
start=40,size=10,type=82
END
cp "$work/disk" table/mbr
disk 96K
printf 'g\nn\n1\n\n+4\nw\n' | fdisk -b 4096 "$work/disk" >/dev/null
cp "$work/disk" table/gpt4096

# qcow2, of a disk with something in it.
disk 48K
head -c 2000 /dev/urandom | dd of="$work/disk" bs=512 seek=3 conv=notrunc status=none
seq 1 2000 | dd of="$work/disk" bs=512 seek=40 conv=notrunc status=none
qcow2() { qemu-img convert -f raw -O qcow2 -o "$2" "${@:3}" "$work/disk" "qcow2/$1"; }
qcow2 v2 compat=0.10,cluster_size=512
qcow2 zlib compat=1.1,cluster_size=512 -c
qcow2 zstd compat=1.1,cluster_size=4096,compression_type=zstd -c
qcow2 extended compat=1.1,cluster_size=16k,extended_l2=on
qcow2 prealloc compat=1.1,cluster_size=1024,preallocation=metadata

# The disks of other virtual machines; where blocks have a MiB or more, of a disk with nothing in it. A VHDX has some MiB in any case.
other() { qemu-img convert -f raw -O "$2" -o "$3" "$4" "virtual_disk/$1"; }
truncate -s 48K "$work/nothing"
other sparse vmdk subformat=monolithicSparse "$work/disk"
other stream vmdk subformat=streamOptimized "$work/disk"
other fixed vpc subformat=fixed,force_size=on "$work/disk"
other dynamic vpc subformat=dynamic,force_size=on "$work/nothing"
other vdi vdi static=off "$work/nothing"

# File systems.
for kind in ext2 ext4; do
    mke2fs -q -F -t "$kind" -b 1024 -N 32 -m 0 -O ^has_journal,^resize_inode -d "$files" "ext4/$kind" 96K 2>/dev/null
done
mke2fs -q -F -t ext4 -b 1024 -N 32 -m 0 -O inline_data,^has_journal -d "$files" ext4/inline 96K 2>/dev/null
for bits in 12 16; do
    sectors=$((bits == 12 ? 160 : 4400))
    mkfs.fat -F "$bits" -s 1 -r 16 -n SEED -C "fat/fat$bits" $((sectors / 2)) >/dev/null
    MTOOLS_SKIP_CHECK=1 mcopy -s -i "fat/fat$bits" "$files/etc" "$files/bin/init" ::
done
# The rest of a FAT16 is zeros that nobody needs.
truncate -s 40K fat/fat16
for compression in gzip xz zstd lzo lz4; do
    mksquashfs "$files" "squashfs/$compression" -quiet -no-progress -comp "$compression" -nopad -all-root >/dev/null
done
mksquashfs "$files" squashfs/plain -quiet -no-progress -noI -noD -noF -noX -nopad -all-root -b 4K >/dev/null
# The checksum is left out: a fuzzer cannot guess it.
erofs() { mkfs.erofs --quiet -T1700000000 -U00010203-0405-0607-0809-0a0b0c0d0e0f --all-root -Enosbcrc "${@:2}" "erofs/$1" "$files" 2>/dev/null; }
head -c 20000 /dev/zero | tr '\0' y >"$files/bin/large"
erofs plain
erofs lz4hc -zlz4hc
erofs legacy -zlz4hc -Elegacy-compress
erofs packed -zlz4hc -C16384 -Eztailpacking,fragments,dedupe
erofs chunks --chunksize=4096
rm "$files/bin/large"

# Archives.
for format in gnu pax ustar v7; do
    tar -C "$files" --sort=name --owner=0 --group=0 --mtime=@1700000000 --format="$format" -b 1 -cf "tar/$format" .
done
gzip -9nc tar/pax >tar/gz
xz -9c tar/pax >tar/xz
zstd -q -19 -c tar/pax >tar/zst

# An OCI layout, in pieces; see `fuzzing::oci`.
oci=application/vnd.oci.image
index="{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"$oci.manifest.v1+json\",\"digest\":\"sha256:MANIFEST\",\"size\":#M}]}"
config='{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:LAYER"]}}'
piece() { printf '%b%s' "$(printf '\\x%02x\\x%02x' $((${#1} & 255)) $((${#1} >> 8)))" "$1"; }
for kind in ustar gz zst; do
    case $kind in gz) suffix=+gzip ;; zst) suffix=+zstd ;; *) suffix= ;; esac
    manifest="{\"schemaVersion\":2,\"config\":{\"mediaType\":\"$oci.config.v1+json\",\"digest\":\"sha256:CONFIG\",\"size\":#C},"
    manifest+="\"layers\":[{\"mediaType\":\"$oci.layer.v1.tar$suffix\",\"digest\":\"sha256:LAYER\",\"size\":#L}]}"
    { piece "$index"; piece "$manifest"; piece "$config"; cat "tar/$kind"; } >"oci/$kind"
done
