"""The converters of this folder."""

CONVERTERS = {
    "sklearn.decomposition.IncrementalPCA": "pca",
    "sklearn.decomposition.PCA": "pca",
    "sklearn.decomposition.TruncatedSVD": "truncated_svd",
}
