// Numbers as kernels store them, and small things that engines must agree on to the bit.
#pragma once

// ---- storage types: a kernel that is written for T loads to f32, computes in f32, stores to T

struct f16 { u16 bits; };
struct bf16 { u16 bits; };

// Rounds to nearest even; a NaN keeps its upper bits and stays one.
DEVICE u16 bf16_from_f32(float x) {
    u32 bits = bits_of(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (u16)((bits >> 16) | 0x40u);
    return (u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

DEVICE float load(float x) { return x; }
DEVICE float load(f16 x) { return f32_from_f16(x.bits); }
DEVICE float load(bf16 x) { return f32_of((u32)x.bits << 16); }

DEVICE void store(float& to, float x) { to = x; }
DEVICE void store(f16& to, float x) { to.bits = f16_from_f32(x); }
DEVICE void store(bf16& to, float x) { to.bits = bf16_from_f32(x); }

// ---- division of numbers below 2^31 by one that the host knows: a multiplication and a shift
// (Granlund and Montgomery, "Division by invariant integers using multiplication", PLDI 1994)

DEVICE u32 divide(u32 n, Divisor by) {
    return by.divisor == 1 ? n : (u32)(((u64)n * by.magic) >> 32) >> by.shift;
}

// ---- random bits of an element, the same on every engine: Philox4x32-10 (crates/rng)

struct Bits4 { u32 lane[4]; };

DEVICE Bits4 philox(u32 key0, u32 key1, u32 c0, u32 c1, u32 c2, u32 c3) {
    UNROLL for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
        u32 n0 = (u32)(p1 >> 32) ^ c1 ^ key0, n2 = (u32)(p0 >> 32) ^ c3 ^ key1;
        c0 = n0, c1 = (u32)p1, c2 = n2, c3 = (u32)p0;
        key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}
