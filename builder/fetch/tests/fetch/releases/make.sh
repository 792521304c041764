#!/bin/sh
# Makes the files beside this script: a key, and what it signs. Run it in this folder; needs gpg and xz.
set -eu
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'rm -r "$GNUPGHOME"' EXIT
gpg="gpg --batch --quiet --faked-system-time 20260101T000000!"
$gpg --passphrase '' --quick-generate-key 'Test Archive <archive@mirror.invalid>' ed25519 sign 0
$gpg --export --armor > key.asc

cat > Packages <<EOF
Package: hello
Version: 1.0
Architecture: amd64
Filename: pool/main/h/hello/hello_1.0_amd64.deb
Size: 1
SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
EOF
xz --keep --force Packages

# Name, codename, date, end.
release() {
    {
        printf 'Origin: Test\nSuite: stable\nCodename: %s\nDate: %s\nValid-Until: %s\nAcquire-By-Hash: yes\n' "$2" "$3" "$4"
        printf 'Architectures: amd64\nComponents: main\nSHA256:\n'
        for file in Packages Packages.xz; do
            printf ' %s %s main/binary-amd64/%s\n' "$(sha256sum < $file | cut -c1-64)" "$(wc -c < $file)" $file
        done
    } | $gpg --clearsign > "$1.InRelease"
}
release first trixie 'Sat, 03 Jan 2026 08:00:00 UTC' 'Sat, 10 Jan 2026 08:00:00 UTC'
release second trixie 'Sun, 04 Jan 2026 08:00:00 UTC' 'Sun, 11 Jan 2026 08:00:00 UTC'
release other forky 'Sat, 03 Jan 2026 08:00:00 UTC' 'Sat, 10 Jan 2026 08:00:00 UTC'
