//! What the machine is given beside its disk: strings in its firmware's tables, and credentials for its systemd
//! (systemd.system-credentials(7)).
//!
//! Credentials are SMBIOS strings of type 11 (`io.systemd.credential.binary:NAME=BASE64`, read through `dmi-sysfs`, which kernels for
//! virtual machines have built in). What the table has no room for goes as a file of QEMU's firmware configuration device
//! (`opt/io.systemd.credentials/NAME`, read through the module `qemu_fw_cfg`), whose names are short.

use std::fs;
use std::io;
use std::path::Path;

use rootsmith_preflight::live::Seed;

use crate::command::drive;

/// What all strings together may have: the table's length has 16 bits (SMBIOS 3.6, 5.2.1), and others are in it, too.
const MAX_SMBIOS: usize = 56 << 10;
/// The longest name of a file that QEMU's device takes.
const MAX_FW_CFG_NAME: usize = 55;

/// The arguments for [`Vm::extra`](crate::Vm::extra) that hand the seeds over. Files are left in `folder`, which must be
/// there for as long as the machine.
pub fn hand_over(seeds: &[Seed], folder: &Path) -> io::Result<Vec<String>> {
    let mut arguments = Vec::new();
    let mut total: usize = 0;
    for (number, seed) in seeds.iter().enumerate() {
        let text = string(seed)?;
        let file = folder.join(format!("seed-{number}"));
        let (option, argument) = if total.saturating_add(text.len()) <= MAX_SMBIOS {
            total = total.saturating_add(text.len());
            fs::write(&file, text)?;
            // Here the option is called `path`.
            ("-smbios", drive("type=11", &file).into_string().map(|it| it.replacen(",file=", ",path=", 1)))
        } else {
            let Seed::Credential { name, content } = seed else {
                return Err(invalid("the firmware's tables have no room for it".to_owned()));
            };
            let path = format!("opt/io.systemd.credentials/{name}");
            if path.len() > MAX_FW_CFG_NAME {
                return Err(invalid(format!("`{name}` is too large, or its name too long")));
            }
            fs::write(&file, content)?;
            ("-fw_cfg", drive(&format!("name={path}"), &file).into_string())
        };
        arguments.push(option.to_owned());
        let no_text = |_| invalid("the folder for temporary files has a name that is no UTF-8".to_owned());
        arguments.push(argument.map_err(no_text)?);
    }
    Ok(arguments)
}

/// As a string of the table.
fn string(seed: &Seed) -> io::Result<String> {
    match seed {
        Seed::Credential { name, content } => {
            let known = |b: u8| b.is_ascii_alphanumeric() || b".-_~@".contains(&b);
            if name.is_empty() || !name.bytes().all(known) {
                return Err(invalid(format!("`{name}` is no name")));
            }
            Ok(format!("io.systemd.credential.binary:{name}={}", base64(content)))
        }
        Seed::Text(text) => Ok(text.clone()),
        Seed::Encoded { before, content } => Ok(format!("{before}{}", base64(content))),
    }
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// RFC 4648, 4.
fn base64(data: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(data.len().div_ceil(3).saturating_mul(4));
    for chunk in data.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            // Two bytes make three letters: `Zm8=`.
            if at > chunk.len() {
                out.push('=');
            } else {
                out.push(char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_specification() {
        for (data, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(data.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn what_the_table_has_no_room_for_goes_the_other_way() {
        let folder = tempfile::Builder::new().prefix("a,b").tempdir().unwrap();
        let credential = |name: &str, size| Seed::Credential { name: name.to_owned(), content: vec![b'x'; size] };
        let encoded = |size| Seed::Encoded { before: "e:".to_owned(), content: vec![b'x'; size] };
        let all = [credential("a.b", 3), credential("large", 1 << 16), Seed::Text("t=1".to_owned()), encoded(1)];
        let at = folder.path().to_str().unwrap().replace(',', ",,");
        assert_eq!(
            hand_over(&all, folder.path()).unwrap(),
            [
                "-smbios",
                &format!("type=11,path={at}/seed-0"),
                "-fw_cfg",
                &format!("name=opt/io.systemd.credentials/large,file={at}/seed-1"),
                "-smbios",
                &format!("type=11,path={at}/seed-2"),
                "-smbios",
                &format!("type=11,path={at}/seed-3"),
            ]
        );
        for (file, text) in
            [("seed-0", "io.systemd.credential.binary:a.b=eHh4"), ("seed-2", "t=1"), ("seed-3", "e:eA==")]
        {
            assert_eq!(fs::read_to_string(folder.path().join(file)).unwrap(), text);
        }
        let long = credential("systemd.extra-unit.a-long-name.service", 1 << 16);
        for wrong in [credential("a,b", 1), credential("", 1), long, encoded(1 << 16)] {
            assert!(hand_over(&[wrong], folder.path()).is_err());
        }
    }
}
