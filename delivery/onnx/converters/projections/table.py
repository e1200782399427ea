"""The converters of this folder."""

_LINEAR = (
    "sklearn.cluster.FeatureAgglomeration",
    "sklearn.decomposition.FactorAnalysis",
    "sklearn.decomposition.FastICA",
    "sklearn.decomposition.MiniBatchSparsePCA",
    "sklearn.decomposition.SparsePCA",
    "sklearn.neighbors.NeighborhoodComponentsAnalysis",
    "sklearn.random_projection.GaussianRandomProjection",
    "sklearn.random_projection.SparseRandomProjection",
)

CONVERTERS = {
    **dict.fromkeys(_LINEAR, "linear_projection"),
    "sklearn.cross_decomposition.CCA": "partial_least_squares",
    "sklearn.cross_decomposition.PLSCanonical": "partial_least_squares",
    "sklearn.cross_decomposition.PLSRegression": "partial_least_squares",
    "sklearn.kernel_approximation.AdditiveChi2Sampler": "additive_chi2_sampler",
    "sklearn.kernel_approximation.PolynomialCountSketch": "polynomial_count_sketch",
    "sklearn.manifold.Isomap": "isomap",
    "sklearn.decomposition.KernelPCA": "kernel_features",
    "sklearn.kernel_approximation.Nystroem": "kernel_features",
    "sklearn.kernel_approximation.RBFSampler": "random_features",
    "sklearn.kernel_approximation.SkewedChi2Sampler": "random_features",
    "sklearn.neural_network.BernoulliRBM": "random_features",
}
