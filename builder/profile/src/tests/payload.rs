//! Payloads: what they may be, where they are found, what they get wrong.

use super::*;

#[test]
fn payloads_are_found_beside_the_folder_of_profiles() {
    let text = format!(
        "{LEAST}payload = [{{ name = 'k0s', source = {{ path = 'payloads/k0s', sha256 = '{}' }}, \
         install = '/usr/local/bin/k0s', mode = '0750' }}]\n",
        "ab".repeat(32)
    );
    let profile = loaded(&[("/w/profiles/p.toml", &text), ("/w/payloads/k0s", "")]).unwrap();
    let payload = &profile.payloads[0];
    let source = payload.source_for(Arch::Amd64).unwrap();
    let Source::File { path, .. } = source else { panic!("{source:?}") };
    assert_eq!(path.value, Path::new("/w/payloads/k0s"));
    assert_eq!((payload.mode, payload.install.value.to_string()), (Some(0o750), "/usr/local/bin/k0s".to_owned()));
    assert_eq!(source.sha256().unwrap().value.to_string(), "ab".repeat(32));
}

#[test]
fn a_payload_is_a_file_an_archive_a_package_or_a_bundle() {
    let text = format!(
        "{LEAST}payload = [
          {{ name = 'helm', kind = 'tar', source = {{ url = 'https://mirror.invalid/helm.tgz', sha256 = '{digest}' }}, \
             install = '/usr/local/bin', members = ['linux-amd64/helm'], strip = 1, owner = 'root', group = 0 }},
          {{ name = 'tools', kind = 'zip', source = {{ path = 'tools.zip' }}, install = '/', \
             members = {{ 'a/b' = 'opt/c' }} }},
          {{ name = 'agent', kind = 'deb', source = {{ path = 'agent.deb' }} }},
          {{ name = 'bundle', kind = 'oci', source = {{ amd64 = {{ path = 'bundle.tar' }} }}, install = '/b.tar' }},
        ]\n",
        digest = "ab".repeat(32)
    );
    let profile = loaded(&[("p.toml", &text), ("tools.zip", ""), ("agent.deb", "")]).unwrap();
    let [helm, tools, agent, bundle] = profile.payloads.as_slice() else { panic!("four payloads") };
    assert_eq!(helm.source_for(Arch::Arm64).unwrap().url(), Some("https://mirror.invalid/helm.tgz"));
    let PayloadKind::Tar(Unpacking { members: Some(members), strip: 1 }) = &helm.kind else { panic!("{helm:?}") };
    assert_eq!((members[0].path.value.to_string(), &members[0].to), ("/linux-amd64/helm".into(), &None));
    assert_eq!(helm.owner.as_ref().unwrap().value, Account::Name("root".into()));
    assert_eq!(helm.group.as_ref().unwrap().value, Account::Number(0));
    let PayloadKind::Zip(Unpacking { members: Some(members), strip: 0 }) = &tools.kind else { panic!("{tools:?}") };
    assert_eq!(members[0].to.as_ref().unwrap().to_string(), "/opt/c");
    assert!(tools.install.value.is_root() && agent.install.value.is_root());
    assert_eq!((&agent.kind, &bundle.kind), (&PayloadKind::Deb, &PayloadKind::Oci));
    // It need not be there as long as nobody builds for its architecture.
    let Some(Source::File { path, .. }) = bundle.source_for(Arch::Amd64) else { panic!("{bundle:?}") };
    assert_eq!(path.value, Path::new("bundle.tar"));
}

#[test]
fn what_payloads_get_wrong_is_said() {
    let text = "schema = 1
        image = { name = 'x', arch = ['amd64', 'arm64'] }
        distribution = { id = 'debian', suite = 'trixie' }
        init = { system = 'systemd' }
        output = [{ kind = 'tar' }]
        [[payload]]
        name = 'one'
        source = { url = 'http://mirror.invalid/one', path = 'one' }
        install = '/one'
        owner = 'Not A User'
        members = ['one']
        [[payload]]
        name = 'two'
        kind = 'tar'
        source = { arm64 = { path = 'two' }, sha256 = '00' }
        install = 'opt'
        members = ['../two', '/two']
        strip = '1'
        [[payload]]
        name = 'three'
        kind = 'deb'
        source = { amd64 = { path = 'three' } }
        mode = '0644'
        install = '/opt'
        [[payload]]
        name = 'four'
        kind = 'rpm'
        source = { path = 'four' }
        [[payload]]
        name = 'five'
        source = { path = 'payloads/five', from = 'https://mirror.invalid/releases' }
        install = '/five'
    ";
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    insta::assert_snapshot!(findings(&[("p.toml", &lines.join("\n")), ("four", "")]), @r#"
    p.toml:8:10: `payload.source.sha256` is missing [missing in here]
      hint: write `sha256 = "what sha256sum prints of it"`
    p.toml:8:47: unknown key `path` in a source with `url`
      hint: known here: `url` and `sha256`
    p.toml:10:9: `Not A User` is not a user or group
      hint: write its name or its number: `etcd`, `1000`
    p.toml:11:1: unknown key `members` in a payload of kind `file`
      hint: known here: `name`, `source`, `kind`, `install`, `owner`, `group` and `mode`
    p.toml:15:38: unknown key `sha256` in a `source` for each architecture
      hint: known here: `amd64`, `arm64`, `armhf` and `riscv64`
    p.toml:16:11: `opt` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:17:12: `../two` is not a path in an archive
      hint: write it as the archive has it, without `/` at its start and without `..`: `linux-amd64/helm`
    p.toml:17:22: `/two` is not a path in an archive
      hint: write it as the archive has it, without `/` at its start and without `..`: `linux-amd64/helm`
    p.toml:18:9: `payload.strip` must be a whole number, not a string [a string]
    p.toml:19:1: payload `three` has no source for `arm64` [none for `arm64`]
      note: `arm64` is asked for p.toml:2:40
      hint: name one for each architecture: `source = { arm64 = { path = "payloads/…" } }`
    p.toml:23:1: unknown key `mode` in a payload of kind `deb`
      hint: known here: `name`, `source` and `kind`
    p.toml:24:1: unknown key `install` in a payload of kind `deb`
      hint: known here: `name`, `source` and `kind`
    p.toml:27:8: `rpm` is not a kind of payload
      hint: there are `file`, `tar`, `zip`, `deb` and `oci`
    p.toml:31:19: payload `payloads/five` was not found [named here]
      hint: get it from https://mirror.invalid/releases and put it at `payloads/five`
    "#);
}
