//! Machine architectures, by Debian's names.

use std::fmt;
use std::str::FromStr;

/// An architecture an image can be built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// 64-bit x86.
    Amd64,
    /// 64-bit ARM.
    Arm64,
    /// 32-bit ARM, hard float.
    Armhf,
    /// 64-bit RISC-V.
    Riscv64,
}

impl Arch {
    /// Every architecture, in the order of their names.
    pub const ALL: [Arch; 4] = [Arch::Amd64, Arch::Arm64, Arch::Armhf, Arch::Riscv64];

    /// Debian's name, as in `dpkg --print-architecture`.
    pub fn debian(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
            Arch::Armhf => "armhf",
            Arch::Riscv64 => "riscv64",
        }
    }

    /// The multiarch tuple of its library folders.
    pub fn multiarch(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64-linux-gnu",
            Arch::Arm64 => "aarch64-linux-gnu",
            Arch::Armhf => "arm-linux-gnueabihf",
            Arch::Riscv64 => "riscv64-linux-gnu",
        }
    }

    /// The suffix UEFI gives its files (UEFI 2.10, 3.5.1.1), lower case: `x64` in `BOOTX64.EFI`.
    pub fn efi(self) -> &'static str {
        match self {
            Arch::Amd64 => "x64",
            Arch::Arm64 => "aa64",
            Arch::Armhf => "arm",
            Arch::Riscv64 => "riscv64",
        }
    }

    /// `e_machine` of its ELF files.
    pub fn elf_machine(self) -> u16 {
        match self {
            Arch::Amd64 => 62,
            Arch::Arm64 => 183,
            Arch::Armhf => 40,
            Arch::Riscv64 => 243,
        }
    }

    /// Whether its ELF files are of the 64-bit class.
    pub fn is_64_bit(self) -> bool {
        self != Arch::Armhf
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.debian())
    }
}

impl FromStr for Arch {
    type Err = ();

    fn from_str(text: &str) -> Result<Arch, ()> {
        Arch::ALL.into_iter().find(|arch| arch.debian() == text).ok_or(())
    }
}
