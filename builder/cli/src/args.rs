//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use rootsmith_boot::Firmware;
use rootsmith_preflight::live::WayIn;
use rootsmith_types::Arch;

/// Builds minimal Linux root file systems and bootable disk images from a TOML profile, and refuses to hand over one that
/// would not boot or not pass the checks the profile asks for.
#[derive(Debug, Parser)]
#[command(name = "rootsmith", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a profile to start from, with the files it is made of
    New(NewArgs),
    /// Build the images of each profile into outputs/NAME-ARCH/
    Build(BuildArgs),
    /// Resolve each profile's packages and pin them in a lockfile beside it
    Lock(LockArgs),
    /// Judge an image, an archive, a folder or a profile by requirement sets
    Preflight(PreflightArgs),
    /// Run an image under QEMU and show its console
    Boot(BootArgs),
    /// Make the small disk, or CD, that tells a machine with cloud-init who it is
    Seed(SeedArgs),
    /// Write an image to a card by its block map, and read it back
    Flash(FlashArgs),
    /// Show what was done to make an image
    Inspect(InspectArgs),
    /// Look at the kernel that a profile builds, or might take
    Kernel(KernelArgs),
    /// Say what a preflight check means, how it is decided and how to satisfy it
    Explain(ExplainArgs),
    /// Print what a shell reads to complete this command line
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What the image is called; the profile is NAME.toml
    #[arg(required_unless_present = "list", value_parser = parse_image_name)]
    pub(crate) name: Option<String>,
    /// What to start from
    #[arg(long, value_enum, default_value = "golden-vm")]
    pub(crate) template: Template,
    /// Folder that gets NAME.toml and what it names
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Show the templates, a line each
    #[arg(long, conflicts_with = "name")]
    pub(crate) list: bool,
}

/// One of our own profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Template {
    /// A virtual machine that is ready to become a k0s worker, with SSH and containerd
    K0sWorker,
    /// A machine that is the same at every start: its root is read-only, what is written goes to memory
    Appliance,
    /// A card for a Raspberry Pi 4 (for another, change `board`) that is ready to become a k0s worker
    RaspberryPi,
    /// A virtual machine, for a BIOS and UEFI, that is told at its first boot what it is called and who logs in
    GoldenVm,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The profiles (TOML)
    #[arg(required = true)]
    pub(crate) profiles: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
    /// Folder that gets NAME-ARCH/
    #[arg(long, value_name = "DIR", default_value = "outputs")]
    pub(crate) output: PathBuf,
    /// Use the lockfile as it is; fail where it is missing or stale
    #[arg(long)]
    pub(crate) locked: bool,
    /// Make the outputs again even if they would come out as they are
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Say where the time went, and write trace.json beside the images, for Perfetto or chrome://tracing
    #[arg(long)]
    pub(crate) timings: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// The profiles (TOML)
    #[arg(required = true)]
    pub(crate) profiles: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
}

/// Where packages come from and how they are worked on: the same for every command that reads a distribution.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// Architecture; the profile's first by default
    #[arg(long, value_parser = parse_arch)]
    pub(crate) arch: Option<Arch>,
    /// Do not use the network
    #[arg(long)]
    pub(crate) offline: bool,
    /// Cache folder [default: $ROOTSMITH_CACHE, else the XDG cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Mirror of the main archive [default: $ROOTSMITH_MIRROR, else as apt on this host]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// Mirror of the security archive [default: as apt on this host]
    #[arg(long, value_name = "URL")]
    pub(crate) security_mirror: Option<String>,
    /// Number of threads [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct PreflightArgs {
    /// A disk (raw, or a virtual machine's: qcow2, VMDK, VHD, VHDX, VDI, OVA), a file system (ext4, FAT, squashfs, EROFS), a tar archive, an OCI layout, a folder, or a profile (TOML)
    pub(crate) target: PathBuf,
    /// A requirement set: `name`, `name@version`, or a file that ends in .toml [default: boot, payload, k0s-worker; of a
    /// profile its own]
    #[arg(long = "set", value_name = "SET")]
    pub(crate) sets: Vec<String>,
    /// How to show what was found
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: ReportFormat,
    /// Write the report into this file instead of to stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Show what passed, too
    #[arg(long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
}

/// How a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people, on a terminal
    Text,
    /// For programs: builder/docs/preflight-report.schema.json
    Json,
    /// For CI systems
    Junit,
    /// One page that needs nothing else
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct BootArgs {
    /// A disk image
    pub(crate) image: PathBuf,
    /// Success is when this text appears on the serial console
    #[arg(long, value_name = "TEXT", default_value = "login:")]
    pub(crate) until: String,
    /// How long to wait, in seconds [default: 300; with --check 900]
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub(crate) timeout: Option<Duration>,
    /// The image's architecture
    #[arg(long, value_parser = parse_arch, default_value = "amd64")]
    pub(crate) arch: Arch,
    /// What starts the machine: uefi, or bios (amd64)
    #[arg(long, value_name = "FIRMWARE", value_parser = parse_firmware, default_value = "uefi")]
    pub(crate) firmware: Firmware,
    /// Memory of the machine, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1536)]
    pub(crate) memory: u32,
    /// Let the machine write to the image; otherwise it is never changed
    #[arg(long)]
    pub(crate) write: bool,
    /// A further disk for the machine, which it only reads: one that tells it who it is, such as cloud-init's
    #[arg(long = "drive", value_name = "FILE")]
    pub(crate) drives: Vec<PathBuf>,
    /// Ask the running system what preflight asks of the image, and fail where the two disagree
    #[arg(long, conflicts_with_all = ["until", "write"])]
    pub(crate) check: bool,
    /// With --check, a requirement set: `name`, `name@version`, or a file that ends in .toml [default: boot, k0s-worker]
    #[arg(long = "set", value_name = "SET", requires = "check")]
    pub(crate) sets: Vec<String>,
    /// With --check, how the questions get into the system: credentials (systemd 256 and later), initramfs (any init; the image
    /// boots a unified kernel image with BusyBox in its initramfs) [default: the first that this image has]
    #[arg(long, value_name = "WAY", value_parser = parse_way_in, requires = "check")]
    pub(crate) way_in: Option<WayIn>,
    /// With --check, show the console on stderr
    #[arg(long, requires = "check")]
    pub(crate) console: bool,
    /// With --check, show all that the system answered
    #[arg(long, requires = "check")]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SeedArgs {
    /// The disk to make, or a CD when its name ends in .iso
    pub(crate) output: PathBuf,
    /// What the machine is called
    #[arg(long, value_name = "NAME", value_parser = parse_host_name)]
    pub(crate) hostname: String,
    /// A user to make, who may become root [default: the one that the image makes]
    #[arg(long, value_name = "NAME", value_parser = parse_user)]
    pub(crate) user: Option<String>,
    /// A file with the public keys that open the user's account
    #[arg(long = "ssh-key", value_name = "FILE")]
    pub(crate) ssh_keys: Vec<PathBuf>,
    /// The whole user data, instead of a user and keys
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "ssh_keys"])]
    pub(crate) user_data: Option<PathBuf>,
    /// The network, as cloud-init's network configuration has it
    #[arg(long, value_name = "FILE")]
    pub(crate) network_config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FlashArgs {
    /// A disk image; its block map is looked for beside it, as IMAGE.bmap, and without one every block is written
    pub(crate) image: PathBuf,
    /// A whole disk, such as /dev/sdX, or a file
    pub(crate) target: PathBuf,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Write to a disk, too, that is not removable or is in use
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// An image with its manifest beside it, the folder of both, a manifest, or a profile (TOML)
    pub(crate) target: PathBuf,
    /// With --scripts, only these packages
    #[arg(value_name = "PACKAGE")]
    pub(crate) packages: Vec<String>,
    /// Show of each package which maintainer scripts were read and what was applied
    #[arg(long, required = true)]
    pub(crate) scripts: bool,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KernelArgs {
    #[command(subcommand)]
    pub(crate) command: KernelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KernelCommand {
    /// Print its configuration, and say which lines of the fragments it does not have and which overrule others
    Config(KernelProfileArgs),
    /// Name the kernels of the suite that have most of what the fragments ask for, and what each lacks
    Suggest(KernelProfileArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KernelProfileArgs {
    /// The profile (TOML)
    pub(crate) profile: PathBuf,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The check, as a report names it: cgroup.memory; without one, all are listed
    pub(crate) check: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

fn parse_image_name(text: &str) -> Result<String, String> {
    rootsmith_profile::check_image_name(text).map_err(str::to_owned)?;
    Ok(text.to_owned())
}

/// RFC 1123.
fn parse_host_name(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let ok = text.len() <= 64 && text.split('.').all(label);
    if ok { Ok(text.to_owned()) } else { Err("a host name has letters, digits, `-` and `.`".to_owned()) }
}

fn parse_user(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    let ok =
        text.len() <= 32 && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && text.bytes().all(plain);
    if ok { Ok(text.to_owned()) } else { Err("a user's name has small letters, digits, `_` and `-`".to_owned()) }
}

fn parse_arch(text: &str) -> Result<Arch, String> {
    text.parse().map_err(|()| {
        let known: Vec<&str> = Arch::ALL.iter().map(|arch| arch.debian()).collect();
        format!("known architectures: {}", known.join(", "))
    })
}

fn parse_firmware(text: &str) -> Result<Firmware, String> {
    match text {
        "uefi" => Ok(Firmware::Uefi),
        "bios" => Ok(Firmware::Bios),
        _ => Err("known firmware: uefi, bios".to_owned()),
    }
}

fn parse_way_in(text: &str) -> Result<WayIn, String> {
    let known = WayIn::ALL.map(WayIn::name).join(", ");
    WayIn::ALL.into_iter().find(|way| way.name() == text).ok_or(format!("known ways: {known}"))
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "expected a whole number of seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
