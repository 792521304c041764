//! Checks signed texts against Debian's built-in keys, or a keyring: `cargo run -p rootsmith-signature --example verify --
//! [--keyring FILE] InRelease…`

#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rootsmith_signature::{Keyring, SignatureError, verify_inline};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut keyring = Keyring::debian();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--keyring" {
            keyring = Keyring::parse(&std::fs::read(arguments.next().ok_or("--keyring wants a file")?)?)?;
            continue;
        }
        let message = std::fs::read(&argument)?;
        let start = Instant::now();
        let result = verify_inline(&message, &keyring, now);
        println!("{argument}: {} in {:.1?}", if result.is_ok() { "good" } else { "refused" }, start.elapsed());
        let reports = match result {
            Ok(verified) => verified.signatures,
            Err(SignatureError::NoGoodSignature(reports)) => reports,
            Err(error) => {
                println!("  {error}");
                continue;
            }
        };
        for report in reports {
            println!("  {} {}: {}", report.issuer, report.user_id.as_deref().unwrap_or("?"), report.verdict);
        }
    }
    Ok(())
}
