"""Definitions as libvirt prints them, and secrets planted into them."""

from __future__ import annotations

SECRETS = tuple(f"planted-secret-{number:02}" for number in range(40))
UUID = "6f2b7a36-1f6c-4a0e-9d0a-0c6a5d7f2a11"


def domain(
    inner: str = "", *, devices: str = "", attributes: str = "type='kvm' id='3'", name: str = "web"
) -> str:
    """A domain of 2 GiB with a balloon that is not inflated."""
    return f"""<domain {attributes}>
  <name>{name}</name>
  <uuid>{UUID}</uuid>
  <memory unit='KiB'>2097152</memory>
  <currentMemory unit='KiB'>1048576</currentMemory>
  <vcpu placement='static'>4</vcpu>
  {inner}
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    {devices}
    <memballoon model='virtio' freePageReporting='on'><stats period='10'/></memballoon>
  </devices>
</domain>"""


def domain_full_of_secrets() -> str:
    """A valid definition with a secret in every place that is known to hold one."""
    s = iter(SECRETS)
    inner = f"""
  <title>{next(s)}</title>
  <description>the password is {next(s)}</description>
  <metadata>
    <nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1' token='{next(s)}'>
      <nova:name>{next(s)}</nova:name>
    </nova:instance>
    <cloud:init xmlns:cloud='http://example.org/cloud'>password: {next(s)}</cloud:init>
  </metadata>
  <os><type>hvm</type><kernel>/boot/vmlinuz</kernel><cmdline>root=/dev/vda key={next(s)}</cmdline></os>
  <sysinfo type='smbios'>
    <system><entry name='manufacturer'>OpenStack Foundation</entry>
      <entry name='serial'>{next(s)}</entry></system>
    <oemStrings><entry>{next(s)}</entry><entry file='/etc/{next(s)}'/></oemStrings>
  </sysinfo>
  <sysinfo type='fwcfg'><entry name='opt/com.example/key'>{next(s)}</entry></sysinfo>
  <keywrap><cipher name='aes' state='on'/></keywrap>
  <launchSecurity type='sev'><policy>0x0003</policy>
    <session>{next(s)}</session><dhCert>{next(s)}</dhCert></launchSecurity>
  <commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'>
    <arg value='-fw_cfg'/><arg value='name=opt/x,string={next(s)}'/><env name='TOKEN' value='{next(s)}'/>
  </commandline>"""
    devices = f"""
    <disk type='network' device='disk'>
      <auth username='{next(s)}'><secret type='ceph' uuid='{next(s)}'/></auth>
      <source protocol='https' name='img' query='sig={next(s)}'>
        <cookies><cookie name='session'>{next(s)}</cookie></cookies>
      </source>
      <encryption format='luks'><secret type='passphrase' uuid='{next(s)}'/></encryption>
    </disk>
    <graphics type='vnc' port='5900' passwd='{next(s)}' passwdValidTo='2030-01-01T00:00:00'/>
    <graphics type='spice' password='{next(s)}'/>
    <tpm model='tpm-tis'><backend type='emulator'><encryption secret='{next(s)}'/></backend></tpm>"""
    return domain(inner, devices=devices)


def status_full_of_secrets() -> str:
    """libvirt's status record around the same definition."""
    return f"""<domstatus state='running' reason='booted' pid='4711'>
  <taint flag='custom-argv'/>
  <monitor path='/run/{SECRETS[30]}.sock' type='unix'/>
  <qemuCaps><flag name='{SECRETS[31]}'/></qemuCaps>
  <job type='none' async='outgoing migration'><port number='{SECRETS[32]}'/></job>
  <masterKey>{SECRETS[33]}</masterKey>
  {domain_full_of_secrets()}
</domstatus>"""
