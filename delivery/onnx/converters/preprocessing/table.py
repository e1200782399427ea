"""The converters of this folder."""

CONVERTERS = {
    # By its own module: its package gives it only where an experiment was allowed.
    "sklearn.impute._iterative.IterativeImputer": "iterative_imputer",
    "sklearn.impute.KNNImputer": "knn_imputer",
    "sklearn.impute.MissingIndicator": "missing_indicator",
    "sklearn.impute.SimpleImputer": "simple_imputer",
    "sklearn.preprocessing.Binarizer": "binarizer",
    "sklearn.preprocessing.FunctionTransformer": "function_transformer",
    "sklearn.preprocessing.KBinsDiscretizer": "k_bins_discretizer",
    "sklearn.preprocessing.MaxAbsScaler": "affine_scalers",
    "sklearn.preprocessing.MinMaxScaler": "affine_scalers",
    "sklearn.preprocessing.Normalizer": "normalizer",
    "sklearn.preprocessing.OneHotEncoder": "one_hot_encoder",
    "sklearn.preprocessing.OrdinalEncoder": "ordinal_encoder",
    "sklearn.preprocessing.PolynomialFeatures": "polynomial_features",
    "sklearn.preprocessing.RobustScaler": "affine_scalers",
    "sklearn.preprocessing.StandardScaler": "affine_scalers",
    "sklearn.preprocessing.TargetEncoder": "target_encoder",
}
