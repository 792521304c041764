//! One disk in all the formats that a profile asks for, in one pass.

use std::fs::File;
use std::io;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_profile::{Disk, DiskFormat};
use rootsmith_types::{Arch, NumBytes};
use rootsmith_virtual::{CreateError, Format, Options, Tee, create_all};

use crate::OutputError;
use crate::disk::DiskInput;
use crate::sink::{FileSink, Spanned};

/// A file that a disk is to be in.
#[derive(Debug, Clone, Copy)]
pub struct DiskFile<'a> {
    /// As what. Nothing is written for a raw one: that is written anyhow.
    pub format: DiskFormat,
    /// Empty, open for reading and writing.
    pub file: &'a File,
}

/// Why a disk was not written.
pub(crate) enum WriteError {
    /// The host.
    Io(io::Error),
    /// One of the formats.
    Refused(OutputError),
}

/// Refuses what makes no sense for the image.
pub(crate) fn check(input: &DiskInput<'_>) -> Result<(), OutputError> {
    for format in input.disk.format.iter().filter(|_| input.arch != Arch::Amd64) {
        // Hardware of VMware and VirtualBox; firmware for x86.
        let word = match format.value {
            DiskFormat::Ova => "ova",
            DiskFormat::Vagrant => "vagrant",
            _ => continue,
        };
        return Err(OutputError::NoMachine { origin: format.origin.clone(), word, arch: input.arch });
    }
    Ok(())
}

/// What the disk's size has to be a multiple of, for all of its formats.
pub(crate) fn unit(disk: &Disk) -> NumBytes {
    let formats = disk.format.iter().filter_map(|format| written_as(format.value));
    // The least size is the unit.
    let units = formats.filter_map(|format| format.rounded(NumBytes::new(1)));
    units.max().unwrap_or(NumBytes::new(1))
}

/// Writes `disk` to `raw` and to `others`.
pub(crate) fn write(
    input: &DiskInput<'_>,
    disk: &dyn Image,
    raw: &mut FileSink<'_>,
    others: &[DiskFile<'_>],
) -> Result<(), WriteError> {
    let options = Options {
        // A disk that boots in another way, too, is started by any machine's own firmware.
        uefi: input.disk.boot.iter().all(|method| method.value.is_uefi()),
        ..Options::new(input.ids.disk, input.date, input.name)
    };
    let files: Vec<(Format, &File)> =
        others.iter().filter_map(|other| written_as(other.format).map(|format| (format, other.file))).collect();
    let mut writers =
        create_all(&files, disk.size(), &options).map_err(|error| WriteError::Refused(refused(input, error)))?;
    let trace = input.trace;
    let mut raw = Spanned { sink: raw, name: "img", trace };
    let names = others.iter().filter(|other| written_as(other.format).is_some()).map(|other| other.format.extension());
    let mut spanned: Vec<Spanned<'_>> =
        writers.iter_mut().zip(names).map(|(sink, name)| Spanned { sink, name, trace }).collect();
    let mut sinks: Vec<&mut dyn Sink> = vec![&mut raw];
    sinks.extend(spanned.iter_mut().map(|sink| -> &mut dyn Sink { sink }));
    disk.write(&mut Tee::new(sinks)).map_err(WriteError::Io)?;
    drop(spanned);
    writers.into_iter().try_for_each(|writer| writer.finish()).map_err(WriteError::Io)
}

/// The error, at the word in the profile that asks for the format it is about.
fn refused(input: &DiskInput<'_>, error: CreateError) -> OutputError {
    let about = match &error {
        CreateError::Empty(format) | CreateError::Unit { format, .. } | CreateError::TooLarge { format, .. } => {
            Some(*format)
        }
        CreateError::Name(_) => None,
    };
    let words = &input.disk.format;
    let word = words.iter().find(|word| about.is_none() || written_as(word.value) == about);
    // There is always one, since it was asked for.
    let origin = word.or(words.first()).map_or(&input.disk.table.origin, |word| &word.origin).clone();
    OutputError::Format { origin, error: Box::new(error) }
}

/// What writes it; `None` for the disk itself.
fn written_as(format: DiskFormat) -> Option<Format> {
    Some(match format {
        DiskFormat::Raw => return None,
        DiskFormat::RawZstd => Format::RawZstd,
        DiskFormat::RawXz => Format::RawXz,
        DiskFormat::Qcow2 => Format::Qcow2,
        DiskFormat::Qcow2Zlib => Format::Qcow2Zlib,
        DiskFormat::Qcow2Zstd => Format::Qcow2Zstd,
        DiskFormat::Vmdk => Format::VmdkStreamOptimized,
        DiskFormat::VmdkSparse => Format::VmdkMonolithicSparse,
        DiskFormat::Vhd => Format::VhdDynamic,
        DiskFormat::VhdFixed => Format::VhdFixed,
        DiskFormat::Vhdx => Format::Vhdx,
        DiskFormat::Vdi => Format::Vdi,
        DiskFormat::Ova => Format::Ova,
        DiskFormat::Gce => Format::GceTarGz,
        DiskFormat::Vagrant => Format::Vagrant,
    })
}
