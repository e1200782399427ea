"""The codecs of the prediction routes: a body becomes rows, predictions a protocol's answer."""
