"""What users would pick instead: the peers' service definitions, run by their own environments
under var/peers.
"""
