// Gives every frame that leaves an interface a VLAN tag, which the kernel keeps beside the frame: as a NIC does that takes
// tags off. For tests/xdp.rs, where the kernel has no VLAN interfaces.
static long (*const vlan_push)(void *frame, unsigned short type, unsigned short tci) = (void *)18;

__attribute__((section("classifier"), used)) int push(void *frame) {
    vlan_push(frame, __builtin_bswap16(0x8100), 5);
    return 0;
}

char LICENSE[] __attribute__((section("license"), used)) = "Dual MIT/GPL";
