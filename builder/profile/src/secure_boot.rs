//! `[secure-boot]`.

use rootsmith_types::Located;

use crate::choices::ENROLLMENTS;
use crate::fields::Fields;
use crate::keys::{SECURE_BOOT, elsewhere};
use crate::load::Loader;
use crate::model::{BootSigner, Enroll, SecureBoot};
use crate::words;

/// The table, where there is one; `None` also when something in it is wrong, which is noted.
pub(crate) fn secure_boot(root: &Fields<'_>, loader: &Loader<'_>) -> Option<SecureBoot> {
    root.get("secure-boot")?;
    let table = root.table("secure-boot", SECURE_BOOT, &elsewhere);
    let own = |named: Located<String>, what| Some(Located::new(loader.own(&named, what)?, named.origin));
    let certificate = table.required("certificate", "certificate = \"keys/db.pem\"", words::host_path);
    let certificate = certificate.and_then(|named| own(named, "certificate"));
    let signer = match table.get("signer") {
        Some(_) => {
            table.refuse("key", "a signer that is a program", &["certificate", "signer", "enroll"]);
            table.require_some(
                "signer",
                "signer = [\"openssl\", \"dgst\", \"-sha256\", \"-sign\", \"/run/keys/db.key\"]",
            );
            let program = table.list("signer", words::argument);
            (!program.is_empty()).then_some(BootSigner::Program(program))
        }
        None => {
            let key = table.required("key", "key = \"keys/db.key\"", words::host_path);
            key.and_then(|named| own(named, "private key")).map(BootSigner::Key)
        }
    };
    let enroll = match table.get("enroll") {
        Some(_) => table.text("enroll", |text| ENROLLMENTS.read(text)),
        None => Some(table.default(Enroll::Manual)),
    };
    Some(SecureBoot { certificate: certificate?, signer: signer?, enroll: enroll?, origin: table.origin.clone() })
}
