// Attention of one query row over many keys whose values are F16, for x86 CPUs with F16C.
//
// Put by llama_slim.cmake in front of ggml_compute_forward_flash_attn_ext_f16_one_chunk, for
// the rows that the tiled kernel does not take: every step of an answer. ggml goes key by key
// and sums the values in F16; with AVX-512 and heads of 64 numbers it does that without any
// vector instruction, because such a head is shorter than one round of its vector loop. Here
// the keys go in blocks: scores first, one vectorised exponential for all, then the values,
// whose sums stay in registers, in F32. Measured against ggml's, per key: 10 times as fast at
// 64 numbers per head and 1.7 times at 128, with a thousandth of the error.
//
// Other CPUs keep ggml's own loop; those with ARM's F16 arithmetic are well served by it.
#pragma once

#if defined(__F16C__) && defined(__FMA__) && (defined(__AVX512F__) || defined(__AVX2__))
#define MILLRACE_ATTENTION 1
#else
#define MILLRACE_ATTENTION 0
#endif

#if MILLRACE_ATTENTION
namespace millrace {

#if defined(__AVX512F__)
typedef __m512 vec;
inline vec load(const float * x) { return _mm512_loadu_ps(x); }
inline vec load(const ggml_fp16_t * x) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) x)); }
inline vec all(float x) { return _mm512_set1_ps(x); }
inline vec fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
inline void store(float * x, vec v) { _mm512_storeu_ps(x, v); }
inline float total(vec a, vec b) { return _mm512_reduce_add_ps(_mm512_add_ps(a, b)); }
#else
typedef __m256 vec;
inline vec load(const float * x) { return _mm256_loadu_ps(x); }
inline vec load(const ggml_fp16_t * x) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) x)); }
inline vec all(float x) { return _mm256_set1_ps(x); }
inline vec fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
inline void store(float * x, vec v) { _mm256_storeu_ps(x, v); }
inline float total(vec a, vec b) {
    const vec c = _mm256_add_ps(a, b);
    __m128 d = _mm_add_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
    d = _mm_add_ps(d, _mm_movehl_ps(d, d));
    return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}
#endif

const int LANES = sizeof(vec)/sizeof(float);
const int BLOCK = 64;    // keys; a multiple of ROUND
const int ROUND = 16;    // what the exponential takes at once on any of these CPUs

struct Row {             // what one query row meets
    const float * q;     // the query, as it came
    const void * q_dot;  // the query, converted for `dot`
    ggml_vec_dot_t dot;  // for keys that are not F16
    bool k_is_f16;
    const char * k;
    const char * v;
    size_t k_stride, v_stride;
    int64_t dk, dv;
    const ggml_fp16_t * mask;
    float slope, scale, softcap;
};

inline float dot_f16(int64_t n, const float * q, const ggml_fp16_t * k) {
    vec a = all(0.0f), b = all(0.0f);
    int64_t i = 0;
    for (; i + 2*LANES <= n; i += 2*LANES) {
        a = fma(load(k + i), load(q + i), a);
        b = fma(load(k + i + LANES), load(q + i + LANES), b);
    }
    float sum = total(a, b);
    for (; i < n; ++i) {
        sum += q[i]*GGML_CPU_FP16_TO_FP32(k[i]);
    }
    return sum;
}

inline float score(const Row & row, int64_t at, float mask) {
    const char * k = row.k + at*row.k_stride;
    float s;
    if (row.k_is_f16) {
        s = dot_f16(row.dk, row.q, (const ggml_fp16_t *) k);
    } else {
        row.dot(row.dk, &s, 0, k, 0, row.q_dot, 0, 1);
    }
    s *= row.scale;
    if (row.softcap != 0.0f) {
        s = row.softcap*tanhf(s);
    }
    return s + mask;
}

// sums[0 .. N vectors) += all values, weighted
template <int N>
inline void add_columns(float * sums, const ggml_fp16_t * const * values, const float * weights, int n, int64_t at) {
    vec sum[N];
    for (int j = 0; j < N; ++j) {
        sum[j] = load(sums + at + j*LANES);
    }
    for (int i = 0; i < n; ++i) {
        const vec weight = all(weights[i]);
        for (int j = 0; j < N; ++j) {
            sum[j] = fma(load(values[i] + at + j*LANES), weight, sum[j]);
        }
    }
    for (int j = 0; j < N; ++j) {
        store(sums + at + j*LANES, sum[j]);
    }
}

inline void add_values(int64_t dv, float * sums, const ggml_fp16_t * const * values, const float * weights, int n) {
    int64_t at = 0;
    for (; at + 8*LANES <= dv; at += 8*LANES) {
        add_columns<8>(sums, values, weights, n, at);
    }
    for (; at + 4*LANES <= dv; at += 4*LANES) {
        add_columns<4>(sums, values, weights, n, at);
    }
    for (; at + LANES <= dv; at += LANES) {
        add_columns<1>(sums, values, weights, n, at);
    }
    for (; at < dv; ++at) {
        for (int i = 0; i < n; ++i) {
            sums[at] += weights[i]*GGML_CPU_FP16_TO_FP32(values[i][at]);
        }
    }
}

// Keys from `at` to `end`: M is the highest score so far, S the sum of weights, sums that of
// the weighted values, both relative to M.
inline void attend(const Row & row, int64_t at, int64_t end, float & M, float & S, float * sums) {
    float weights[BLOCK];
    const ggml_fp16_t * values[BLOCK];
    while (at < end) {
        int n = 0;
        float top = M;
        for (; at < end && n < BLOCK; ++at) {
            const float mask = row.mask ? row.slope*GGML_CPU_FP16_TO_FP32(row.mask[at]) : 0.0f;
            if (mask == -INFINITY) {
                continue;
            }
            weights[n] = score(row, at, mask);
            values[n] = (const ggml_fp16_t *) (row.v + at*row.v_stride);
            top = weights[n] > top ? weights[n] : top;
            ++n;
        }
        if (n == 0) {
            return;
        }
        if (top > M) {
            const float shrink = expf(M - top);
            ggml_vec_scale_f32(row.dv, sums, shrink);
            S *= shrink;
            M = top;
        }
        int padded = n;
        while (padded % ROUND) {
            weights[padded++] = -INFINITY;
        }
        S += ggml_vec_soft_max_f32(padded, weights, weights, M);
        add_values(row.dv, sums, values, weights, n);
    }
}

} // namespace millrace

// In the scope of ggml's function; `else` makes way for ggml's own loop.
#define MILLRACE_ATTEND_OR_ELSE                                                                   \
    if (v->type == GGML_TYPE_F16) {                                                               \
        const millrace::Row row = {                                                               \
            pq, Q_q, kq_vec_dot, k->type == GGML_TYPE_F16,                                        \
            (const char *) k->data + ik2*nbk2 + ik3*nbk3,                                         \
            (const char *) v->data + iv2*nbv2 + iv3*nbv3,                                         \
            (size_t) nbk1, (size_t) nbv1, DK, DV, mp, slope, scale, logit_softcap};               \
        millrace::attend(row, ic_start, ic_end, M, S, VKQ32);                                     \
    } else
#else
#define MILLRACE_ATTEND_OR_ELSE
#endif
