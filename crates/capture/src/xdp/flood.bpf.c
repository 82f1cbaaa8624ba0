// Sends each frame that it is run on out of one interface, as one of many flows. See flood.rs; tap.bpf.c says where the
// definitions are from.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct xdp_md {
    u32 data;
    u32 data_end;
    u32 data_meta;
    u32 ingress_ifindex;
    u32 rx_queue_index;
    u32 egress_ifindex;
};

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const redirect)(u32 ifindex, u64 flags) = (void *)23;

#define SEC(name) __attribute__((section(name), used))

struct settings {
    u32 ifindex;
    u32 flows;
};

struct {
    int(*type)[2];
    int(*max_entries)[1];
    u32 *key;
    struct settings *value;
} SETTINGS SEC(".maps");

struct {
    int(*type)[6];
    int(*max_entries)[1];
    u32 *key;
    u64 *value;
} COUNT SEC(".maps");

SEC("xdp") int flood(struct xdp_md *frame) {
    u32 first = 0;
    struct settings *settings = map_lookup(&SETTINGS, &first);
    u64 *count = map_lookup(&COUNT, &first);
    u8 *bytes = (u8 *)(long)frame->data;
    if (!settings || !count || bytes + 42 > (u8 *)(long)frame->data_end)
        return 1;
    // Pages are used again as they were left: every frame is written anew.
    u32 flow = *count % settings->flows;
    *count += 1;
    bytes[27] = flow >> 16;
    bytes[28] = flow >> 8;
    bytes[29] = flow;
    *(u16 *)(bytes + 34) = (u16)flow * 40503u | 0x40;
    return redirect(settings->ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
