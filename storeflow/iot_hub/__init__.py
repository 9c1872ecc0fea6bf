"""IoT Hub for administrators: its service API over REST, and its rules for twins, routes and deployments.

No module imports it. The stand-in (`local_azure/edge_hub`) and the command line do, so that both go by the same rules.
"""
