"""The converters of this folder."""

CONVERTERS = {
    "sklearn.neighbors.KNeighborsTransformer": "neighbour_graph",
    "sklearn.neighbors.RadiusNeighborsTransformer": "neighbour_graph",
    "sklearn.neighbors.KNeighborsClassifier": "k_neighbours",
    "sklearn.neighbors.KNeighborsRegressor": "k_neighbours",
    "sklearn.neighbors.RadiusNeighborsClassifier": "radius_neighbours",
    "sklearn.neighbors.RadiusNeighborsRegressor": "radius_neighbours",
    "sklearn.neighbors.NearestCentroid": "nearest_centroid",
    "sklearn.neighbors.LocalOutlierFactor": "local_outlier_factor",
    "sklearn.semi_supervised.LabelPropagation": "label_propagation",
    "sklearn.semi_supervised.LabelSpreading": "label_propagation",
}
