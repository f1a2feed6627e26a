//! MQTT broker core: knows MQTT and nothing of chat.
