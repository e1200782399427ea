"""The converters of this folder."""

CONVERTERS = {
    "sklearn.svm.SVC": "support_vectors",
    "sklearn.svm.NuSVC": "support_vectors",
    "sklearn.svm.SVR": "support_vectors",
    "sklearn.svm.NuSVR": "support_vectors",
    "sklearn.svm.OneClassSVM": "support_vectors",
    "sklearn.kernel_ridge.KernelRidge": "kernel_ridge",
    "sklearn.gaussian_process.GaussianProcessClassifier": "gaussian_process_classifier",
    "sklearn.gaussian_process.GaussianProcessRegressor": "gaussian_process_regressor",
}
