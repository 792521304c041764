//! A box for Vagrant with libvirt: a tar archive with `metadata.json`, `Vagrantfile` and `box.img`.
//!
//! Specification: vagrant-libvirt, "Box Format" and "Configuration". The archive is not compressed, since the qcow2 in it is: Vagrant takes
//! both.

use std::fs::File;
use std::io;

use rootsmith_types::UnixTime;

use crate::Options;
use crate::archive::{Archive, behind};
use crate::compress::Method;
use crate::deflated::Deflated;
use crate::qcow2::Qcow2;

const DISK: &str = "box.img";
const GIB: u64 = 1 << 30;

/// A box that is being written.
pub(crate) struct Vagrant<'a> {
    file: &'a File,
    time: UnixTime,
    /// What stands before the disk.
    before: [(&'static str, String); 2],
    disk: Qcow2<'a>,
}

impl<'a> Vagrant<'a> {
    pub(crate) fn new(file: &'a File, size: u64, options: &Options) -> Vagrant<'a> {
        let before = [("metadata.json", metadata(size)), ("Vagrantfile", vagrantfile(options))];
        let base = behind(before.iter().map(|(_, text)| text.len()));
        Vagrant { file, time: options.time, before, disk: Qcow2::new(file, base, size, Some(Method::Zlib)) }
    }
}

impl Deflated for Vagrant<'_> {
    fn cluster(&mut self, number: u64, data: &[u8], zlib: &[u8]) -> io::Result<()> {
        Deflated::cluster(&mut self.disk, number, data, zlib)
    }

    fn finish(&mut self) -> io::Result<()> {
        Deflated::finish(&mut self.disk)?;
        let mut archive = Archive::new(self.file, self.time);
        for (name, text) in &self.before {
            archive.append(name, text.as_bytes())?;
        }
        archive.finish(DISK, self.disk.length())
    }
}

/// What the box is. Sizes are whole GiB there; the disk itself may end before.
fn metadata(size: u64) -> String {
    format!("{{\"provider\":\"libvirt\",\"format\":\"qcow2\",\"virtual_size\":{}}}\n", size.div_ceil(GIB))
}

/// How its machine is made. What is synced by default needs tools that the guest may not have.
fn vagrantfile(options: &Options) -> String {
    let loader = match options.uefi {
        // Where Debian and its like have it, and Fedora and its like.
        true => {
            "    libvirt.loader = [\"/usr/share/OVMF/OVMF_CODE_4M.fd\", \"/usr/share/OVMF/OVMF_CODE.fd\", \
             \"/usr/share/edk2/ovmf/OVMF_CODE.fd\"].find { |file| File.exist?(file) }\n"
        }
        false => "",
    };
    format!(
        "Vagrant.configure(\"2\") do |config|\n  \
           config.vm.synced_folder \".\", \"/vagrant\", disabled: true\n  \
           config.vm.provider :libvirt do |libvirt|\n    \
             libvirt.disk_bus = \"virtio\"\n\
         {loader}  \
           end\n\
         end\n"
    )
}
