//! The descriptor: hardware that VMware and VirtualBox both have.
//!
//! Two processors, 1 GiB of memory, the disk behind LSI Logic's parallel SCSI, Intel's E1000, and no sound, floppy or USB. VMware reads
//! what the firmware is from its own element; VirtualBox has none for it that stands alone, there it is a setting of the machine.

use crate::Options;

/// What OVF calls the memory of a machine and its processors in words; anybody changes it.
const PROCESSORS: u32 = 2;
const MEMORY_MIB: u32 = 1024;
/// VMware's hardware of ESXi 6.5 and Workstation 14, the first with a Debian that boots by UEFI; VirtualBox looks at none.
const HARDWARE: u32 = 13;
/// Digits of the largest size.
const DIGITS: usize = 20;

/// A virtual machine with one disk.
pub(super) struct Machine {
    pub(super) name: String,
    size: u64,
    uefi: bool,
    hardware: u32,
}

impl Machine {
    pub(super) fn new(size: u64, options: &Options) -> Machine {
        let hardware = options.hardware_version.max(HARDWARE);
        Machine { name: options.name.clone(), size, uefi: options.uefi, hardware }
    }

    /// The descriptor of the machine whose disk's file has `length` bytes: as long for every length, filled up with newlines.
    pub(super) fn descriptor(&self, length: u64) -> String {
        let length = length.to_string();
        let mut text = self.text(&length);
        text.extend(std::iter::repeat_n('\n', DIGITS.saturating_sub(length.len())));
        text
    }

    fn text(&self, length: &str) -> String {
        let (name, size, hardware) = (escaped(&self.name), self.size, self.hardware);
        let firmware = if self.uefi { "efi" } else { "bios" };
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="{name}.vmdk" ovf:id="file1" ovf:size="{length}"/>
  </References>
  <DiskSection>
    <Info>Disks of the machine</Info>
    <Disk ovf:capacity="{size}" ovf:diskId="disk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks of the machine</Info>
    <Network ovf:name="NAT">
      <Description>Any network with DHCP</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="{name}">
    <Info>A virtual machine</Info>
    <Name>{name}</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian10_64Guest">
      <Info>The operating system</Info>
      <Description>Debian_64</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>The hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-{hardware}</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:Description>Number of virtual CPUs</rasd:Description>
        <rasd:ElementName>{PROCESSORS} virtual CPUs</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>{PROCESSORS}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:Description>Memory size</rasd:Description>
        <rasd:ElementName>{MEMORY_MIB} MB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>{MEMORY_MIB}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:Description>SCSI controller</rasd:Description>
        <rasd:ElementName>SCSI controller 0</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Hard disk 1</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/disk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>7</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>NAT</rasd:Connection>
        <rasd:ElementName>Network adapter 1</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>E1000</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="{firmware}"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"#
        )
    }
}

/// As a text in XML, quoted or not.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use rootsmith_types::Uuid;

    use super::*;

    fn machine(uefi: bool) -> Machine {
        Machine::new(1 << 30, &Options { uefi, ..Options::new(Uuid::new([1; 16]), 0, "a&b") })
    }

    #[test]
    fn descriptor_is_as_long_whatever_it_says() {
        let length = machine(true).descriptor(0).len();
        assert!([9, 10, 1 << 40, u64::MAX].into_iter().all(|size| machine(true).descriptor(size).len() == length));
    }

    #[test]
    fn firmware_and_name_are_said() {
        let text = machine(true).descriptor(7);
        assert!(text.contains("vmw:key=\"firmware\" vmw:value=\"efi\"") && text.contains("<Name>a&amp;b</Name>"));
        assert!(machine(false).descriptor(7).contains("vmw:key=\"firmware\" vmw:value=\"bios\""));
    }
}
