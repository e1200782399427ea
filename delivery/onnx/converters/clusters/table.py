"""The converters of this folder."""

CONVERTERS = {
    "sklearn.cluster.BisectingKMeans": "bisecting_k_means",
    "sklearn.cluster.KMeans": "centres",
    "sklearn.cluster.MiniBatchKMeans": "centres",
    "sklearn.cluster.MeanShift": "centres",
    "sklearn.cluster.Birch": "centres",
    "sklearn.mixture.GaussianMixture": "mixtures",
    "sklearn.mixture.BayesianGaussianMixture": "mixtures",
    "sklearn.covariance.EllipticEnvelope": "elliptic_envelope",
    "sklearn.linear_model.SGDOneClassSVM": "linear_one_class",
}
