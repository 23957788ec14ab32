// The GPU's own instructions behind plain names. The emulator has the same names in host.h.
#pragma once

// ---- conversions: f16 and bf16 are stored as u16, rounded to nearest even

DEVICE u16 f16_from_f32(float x) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}

DEVICE float f32_from_f16(u16 bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}

#if ARCH >= 800
// Two bf16 in one word.
DEVICE u32 bf16x2_from_f32(float low, float high) {
    u32 bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
    return bits;
}
#endif

// Where every engine has to find the same bits: rounded each on its own, never fused to one operation.
DEVICE float multiply_rounded(float a, float b) { return __fmul_rn(a, b); }
DEVICE float add_rounded(float a, float b) { return __fadd_rn(a, b); }

DEVICE u32 bits_of(float x) { return __float_as_uint(x); }
DEVICE float f32_of(u32 bits) { return __uint_as_float(bits); }

// What comes of a code that a kernel does not know: NaN. (The emulator ends the launch with an error.)
DEVICE float unknown_code(u32) { return f32_of(0x7fffffffu); }

// ---- launches that overlap: where the host allows it (crates/kernels/src/gpu/start.rs) a launch begins when all blocks of the
// one before have begun, and waits here until they have ended and what they wrote is there

DEVICE void wait_for_launches_before() {
#if ARCH >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// ---- copies from global to shared memory, 16 bytes a thread

DEVICE u32 shared_address(const void* pointer) { return (u32)__cvta_generic_to_shared(pointer); }

// Copies 16 bytes, or writes 16 zero bytes where `valid` is false (`from` is not read then, but must
// be an address that exists). Both addresses are multiples of 16. From sm_80 the copy is done only
// when its group has been waited for; before, at once.
// The first goes around the multiprocessor's own cache.
DEVICE void copy16(void* to, const void* from, bool valid) {
#if ARCH >= 800
    int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
#else
    uint4 value = make_uint4(0, 0, 0, 0);
    if (valid) value = *(const uint4*)from;
    *(uint4*)to = value;
#endif
}

DEVICE void copy16_through_l1(void* to, const void* from, bool valid) {
#if ARCH >= 800
    int bytes = valid ? 16 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;"
                 ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
#else
    uint4 value = make_uint4(0, 0, 0, 0);
    if (valid) value = *(const uint4*)from;
    *(uint4*)to = value;
#endif
}

// Ends a group of copies.
DEVICE void copies_commit() {
#if ARCH >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until all but the newest `left` groups of this thread are done. Other threads see them after
// the next barrier.
template <int left> DEVICE void copies_wait() {
#if ARCH >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
#endif
}

// ---- 8x8 matrices of 16-bit values from shared memory into the fragments of a warp

// Four matrices; lane l gives the address of row l mod 8 of matrix l / 8. Register i of lane l holds
// the values (l / 4, 2 (l mod 4)) and the next one of matrix i.
DEVICE void load_matrices4(u32 (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// The same, each matrix transposed.
DEVICE void load_matrices4_transposed(u32 (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// Two matrices, from the addresses of lanes 0 to 15.
DEVICE void load_matrices2(u32 (&r)[2], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(row)) : "memory");
}

DEVICE void load_matrices2_transposed(u32 (&r)[2], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(row)) : "memory");
}

// ---- tensor cores: d (16x8, f32) += a (16x16 or 16x8) b (16x8 or 8x8); fragments as the PTX manual
// has them for mma.m16n8k16 and m16n8k8, lane l = 4 g + t

DEVICE void multiply_f16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
#if ARCH >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(b[0]));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
}

#if ARCH >= 800
DEVICE void multiply_bf16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// a (16x8) and b (8x8) are f32 numbers rounded by `tf32_of`.
DEVICE void multiply_tf32(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Rounds to the 10-bit mantissa of tf32.
DEVICE u32 tf32_of(float x) {
    u32 bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}
#endif
