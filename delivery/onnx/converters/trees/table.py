"""The converters of this folder."""

CONVERTERS = {
    "sklearn.ensemble.RandomTreesEmbedding": "leaf_columns",
    "sklearn.tree.DecisionTreeClassifier": "forests",
    "sklearn.tree.DecisionTreeRegressor": "forests",
    "sklearn.tree.ExtraTreeClassifier": "forests",
    "sklearn.tree.ExtraTreeRegressor": "forests",
    "sklearn.ensemble.RandomForestClassifier": "forests",
    "sklearn.ensemble.RandomForestRegressor": "forests",
    "sklearn.ensemble.ExtraTreesClassifier": "forests",
    "sklearn.ensemble.ExtraTreesRegressor": "forests",
    "sklearn.ensemble.GradientBoostingClassifier": "gradient_boosting_trees",
    "sklearn.ensemble.GradientBoostingRegressor": "gradient_boosting_trees",
    "sklearn.ensemble.HistGradientBoostingClassifier": "hist_gradient_boosting_trees",
    "sklearn.ensemble.HistGradientBoostingRegressor": "hist_gradient_boosting_trees",
    "sklearn.ensemble.AdaBoostClassifier": "ada_boost",
    "sklearn.ensemble.AdaBoostRegressor": "ada_boost",
    "imblearn.ensemble.BalancedRandomForestClassifier": "forests",
    "imblearn.ensemble.RUSBoostClassifier": "ada_boost",
    "sklearn.ensemble.IsolationForest": "isolation_forest",
}
