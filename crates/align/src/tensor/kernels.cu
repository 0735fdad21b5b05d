// log Σ exp(shift − scale · cost) along either axis of a row-major matrix of floats, costs read once.
//
// A running maximum and a sum relative to it; a new maximum rescales the sum. NONE stands for "no term yet": unlike
// minus infinity its difference from itself is zero and not NaN.

#define NONE -3.0e38f
#define WARP 32
#define TILE 32

struct Sum {
    float top;
    float rest;
};

__device__ inline Sum with(Sum sum, float x) {
    float top = fmaxf(sum.top, x);
    // One exponential: either the sum is rescaled or the term is smaller than the maximum.
    float gap = __expf(fminf(sum.top, x) - top);
    float rest = x > sum.top ? sum.rest * gap + 1.0f : sum.rest + gap;
    return x < NONE ? sum : Sum{top, rest};
}

__device__ inline Sum both(Sum a, Sum b) {
    float top = fmaxf(a.top, b.top);
    return Sum{top, a.rest * __expf(a.top - top) + b.rest * __expf(b.top - top)};
}

// One block a row.
extern "C" __global__ void log_sum_rows(const float* cost, const float* shift, float scale, int m, float* out) {
    const float* row = cost + (size_t)blockIdx.x * m;
    Sum sum = {NONE, 0.0f};
    int vectors = m % 4 == 0 ? m / 4 : 0;
    for (int at = threadIdx.x; at < vectors; at += blockDim.x) {
        float4 c = __ldg((const float4*)row + at), s = __ldg((const float4*)shift + at);
        sum = with(sum, s.x - scale * c.x);
        sum = with(sum, s.y - scale * c.y);
        sum = with(sum, s.z - scale * c.z);
        sum = with(sum, s.w - scale * c.w);
    }
    for (int at = 4 * vectors + threadIdx.x; at < m; at += blockDim.x) {
        sum = with(sum, shift[at] - scale * row[at]);
    }
    for (int step = WARP / 2; step > 0; step /= 2) {
        Sum other = {__shfl_down_sync(~0u, sum.top, step), __shfl_down_sync(~0u, sum.rest, step)};
        sum = both(sum, other);
    }
    __shared__ Sum warps[WARP];
    if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int warp = 1; warp < blockDim.x / WARP; warp++) sum = both(sum, warps[warp]);
        out[blockIdx.x] = sum.top + logf(sum.rest);
    }
}

// Blocks of TILE columns by WARP strides of rows; partial sums of grid.y chunks of rows, [chunks, m].
extern "C" __global__ void log_sum_columns(const float* cost, const float* shift, float scale, int n, int m,
                                           int chunk, float* tops, float* rests) {
    int column = blockIdx.x * TILE + threadIdx.x;
    int end = min(n, (int)(blockIdx.y + 1) * chunk);
    Sum sum = {NONE, 0.0f};
    if (column < m) {
        for (int row = blockIdx.y * chunk + threadIdx.y; row < end; row += blockDim.y) {
            sum = with(sum, __ldg(shift + row) - scale * __ldg(cost + (size_t)row * m + column));
        }
    }
    __shared__ Sum parts[WARP][TILE];
    parts[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < m) {
        for (int part = 1; part < blockDim.y; part++) sum = both(sum, parts[part][threadIdx.x]);
        tops[(size_t)blockIdx.y * m + column] = sum.top;
        rests[(size_t)blockIdx.y * m + column] = sum.rest;
    }
}

extern "C" __global__ void join_columns(const float* tops, const float* rests, int chunks, int m, float* out) {
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= m) return;
    Sum sum = {NONE, 0.0f};
    for (int chunk = 0; chunk < chunks; chunk++) {
        size_t at = (size_t)chunk * m + column;
        sum = both(sum, Sum{tops[at], rests[at]});
    }
    out[column] = sum.top + logf(sum.rest);
}
