//! A disk that GRUB may start from: what its boot sector leads to. The first bytes say that it is GRUB's, for that cannot be guessed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut disk = data.to_vec();
    if let Some(place) = disk.get_mut(0x180..0x186) {
        place.copy_from_slice(b"GRUB \0");
    }
    let _ = rootsmith_grub::read(&mut |at, into| {
        let start = usize::try_from(at).map_err(std::io::Error::other)?;
        let there = disk.get(start..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(there.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    });
});
