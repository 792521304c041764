//! What the host must have, and which of it reaches the kernel's bytes.

use std::path::Path;

use rootsmith_kernel::config::Config;
use rootsmith_types::{Arch, MissingTool};

use crate::error::KbuildError;
use crate::process::{Processes, Run};

const fn tool(name: &'static str, purpose: &'static str, package: &'static str) -> MissingTool {
    MissingTool { name, purpose, package }
}

/// What every kernel needs.
const ALWAYS: [MissingTool; 6] = [
    tool("make", "run its Makefile", "make"),
    tool("gcc", "compile the programs it is built with", "gcc"),
    tool("flex", "read its configuration", "flex"),
    tool("bison", "read its configuration", "bison"),
    tool("bc", "compute its tables of time", "bc"),
    tool("perl", "make its assembler code", "perl"),
];

/// What some configurations need.
const BY_SYMBOL: [(&[&str], MissingTool); 6] = [
    (&["KERNEL_ZSTD", "MODULE_COMPRESS_ZSTD"], tool("zstd", "compress it", "zstd")),
    (&["KERNEL_XZ", "MODULE_COMPRESS_XZ"], tool("xz", "compress it", "xz-utils")),
    (&["KERNEL_LZ4"], tool("lz4", "compress it", "lz4")),
    (&["KERNEL_LZO"], tool("lzop", "compress it", "lzop")),
    (&["MODULE_SIG"], tool("openssl", "make its keys", "openssl")),
    (&["IKHEADERS"], tool("cpio", "pack its headers", "cpio")),
];

/// Headers that some configurations need, for programs of the build.
const HEADERS: [(&[&str], MissingTool); 2] = [
    (&["OBJTOOL", "DEBUG_INFO_BTF"], tool("gelf.h", "check its object code", "libelf-dev")),
    (&["MODULE_SIG", "SYSTEM_TRUSTED_KEYRING"], tool("openssl/opensslv.h", "make its keys", "libssl-dev")),
];

/// The compiler of an architecture: what its programs are called before their own names, and its Debian package.
fn cross(arch: Arch) -> (&'static str, MissingTool) {
    let purpose = "compile it";
    match arch {
        Arch::Amd64 => ("x86_64-linux-gnu-", tool("x86_64-linux-gnu-gcc", purpose, "gcc-x86-64-linux-gnu")),
        Arch::Arm64 => ("aarch64-linux-gnu-", tool("aarch64-linux-gnu-gcc", purpose, "gcc-aarch64-linux-gnu")),
        Arch::Armhf => ("arm-linux-gnueabihf-", tool("arm-linux-gnueabihf-gcc", purpose, "gcc-arm-linux-gnueabihf")),
        Arch::Riscv64 => ("riscv64-linux-gnu-", tool("riscv64-linux-gnu-gcc", purpose, "gcc-riscv64-linux-gnu")),
    }
}

/// The compiler and its companions for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// `CROSS_COMPILE=`.
    pub(crate) prefix: &'static str,
    /// Every program whose version reaches the configuration or the kernel, as it names itself.
    pub(crate) text: String,
}

/// The toolchain for `arch`; `None` when the host has no compiler for it.
pub(crate) fn toolchain(arch: Arch, processes: &dyn Processes) -> Result<Option<Toolchain>, KbuildError> {
    let Some(prefix) = prefix(arch, processes) else { return Ok(None) };
    let mut text = String::new();
    for program in [format!("{prefix}gcc"), format!("{prefix}ld"), "pahole".to_owned()] {
        if processes.has(&program) {
            text.push_str(&format!("{program}: {}\n", version(&program, processes)?));
        }
    }
    Ok(Some(Toolchain { prefix, text }))
}

/// All that is missing for any kernel of `arch`.
pub(crate) fn missing(arch: Arch, processes: &dyn Processes) -> Vec<MissingTool> {
    let mut missing: Vec<MissingTool> = ALWAYS.into_iter().filter(|tool| !processes.has(tool.name)).collect();
    // The host's own is `gcc`, which is looked for above: Debian has no other package of it there.
    if prefix(arch, processes).is_none() && host() != Some(arch) {
        missing.push(cross(arch).1);
    }
    // Its configuration is not known yet; but hardly one for this architecture goes without.
    if arch == Arch::Amd64 && processes.has("gcc") {
        missing.extend(HEADERS.iter().take(1).map(|(_, tool)| *tool).filter(|tool| !has_header(tool.name, processes)));
    }
    missing
}

/// All that is missing for a kernel of this configuration.
pub(crate) fn missing_for(config: &Config, patches: bool, processes: &dyn Processes) -> Vec<MissingTool> {
    let asked = |symbols: &[&str]| symbols.iter().any(|symbol| config.is_builtin(symbol));
    let programs = BY_SYMBOL.iter().filter(|(symbols, tool)| asked(symbols) && !processes.has(tool.name));
    let headers = HEADERS.iter().filter(|(symbols, tool)| asked(symbols) && !has_header(tool.name, processes));
    let patch = tool("patch", "change its source", "patch");
    let patch = (patches && !processes.has(patch.name)).then_some(patch);
    programs.chain(headers).map(|(_, tool)| *tool).chain(patch).collect()
}

/// Debian's compilers have the architecture in front of their names, the host's own one as well; elsewhere that may have none.
fn prefix(arch: Arch, processes: &dyn Processes) -> Option<&'static str> {
    let (prefix, compiler) = cross(arch);
    if processes.has(compiler.name) {
        return Some(prefix);
    }
    (host() == Some(arch) && processes.has("gcc")).then_some("")
}

/// The architecture of the host.
fn host() -> Option<Arch> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Arch::Amd64),
        "aarch64" => Some(Arch::Arm64),
        "riscv64" => Some(Arch::Riscv64),
        _ => None,
    }
}

/// The first line of what a program says of its version.
fn version(program: &str, processes: &dyn Processes) -> Result<String, KbuildError> {
    let run = Run { program, arguments: vec!["--version".to_owned()], folder: Path::new("/"), variables: Vec::new() };
    let mut first = None;
    let started = processes.run(&run, &mut |line| {
        first.get_or_insert_with(|| line.to_owned());
    });
    started.map_err(|error| KbuildError::Start { program: program.to_owned(), error })?;
    Ok(first.unwrap_or_default())
}

fn has_header(name: &str, processes: &dyn Processes) -> bool {
    let arguments = ["-fsyntax-only", "-include", name, "-x", "c", "/dev/null"].map(str::to_owned).to_vec();
    let run = Run { program: "gcc", arguments, folder: Path::new("/"), variables: Vec::new() };
    processes.run(&run, &mut |_| ()).is_ok_and(|ended| ended.success)
}
