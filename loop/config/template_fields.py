"""What a Cloud Run RevisionTemplate may hold, in the API's JSON names. Made by `make docs`; not to be edited.

One message a paragraph: its name, then a line for each field with its kind: text, number, true|false, a time such as
90s, a map of texts, one of the names of an enumeration, or a message; [] is a list of them.
"""

FIELDS = """\
RevisionTemplate
  revision: text
  labels: map
  annotations: map
  scaling: RevisionScaling
  vpcAccess: VpcAccess
  timeout: time
  serviceAccount: text
  containers: Container []
  volumes: Volume []
  executionEnvironment: EXECUTION_ENVIRONMENT_UNSPECIFIED|EXECUTION_ENVIRONMENT_GEN1|EXECUTION_ENVIRONMENT_GEN2
  encryptionKey: text
  maxInstanceRequestConcurrency: number
  serviceMesh: ServiceMesh
  encryptionKeyRevocationAction: ENCRYPTION_KEY_REVOCATION_ACTION_UNSPECIFIED|PREVENT_NEW|SHUTDOWN
  encryptionKeyShutdownDuration: time
  sessionAffinity: true|false
  healthCheckDisabled: true|false
  nodeSelector: NodeSelector
  gpuZonalRedundancyDisabled: true|false

RevisionScaling
  minInstanceCount: number
  maxInstanceCount: number

VpcAccess
  connector: text
  egress: VPC_EGRESS_UNSPECIFIED|ALL_TRAFFIC|PRIVATE_RANGES_ONLY
  networkInterfaces: NetworkInterface []

NetworkInterface
  network: text
  subnetwork: text
  tags: text []

Container
  name: text
  image: text
  sourceCode: SourceCode
  command: text []
  args: text []
  env: EnvVar []
  resources: ResourceRequirements
  ports: ContainerPort []
  volumeMounts: VolumeMount []
  workingDir: text
  livenessProbe: Probe
  startupProbe: Probe
  readinessProbe: Probe
  dependsOn: text []
  baseImageUri: text
  buildInfo: BuildInfo

SourceCode
  cloudStorageSource: CloudStorageSource

CloudStorageSource
  bucket: text
  object: text
  generation: number

EnvVar
  name: text
  value: text
  valueSource: EnvVarSource

EnvVarSource
  secretKeyRef: SecretKeySelector

SecretKeySelector
  secret: text
  version: text

ResourceRequirements
  limits: map
  cpuIdle: true|false
  startupCpuBoost: true|false

ContainerPort
  name: text
  containerPort: number

VolumeMount
  name: text
  mountPath: text
  subPath: text

Probe
  initialDelaySeconds: number
  timeoutSeconds: number
  periodSeconds: number
  failureThreshold: number
  httpGet: HTTPGetAction
  tcpSocket: TCPSocketAction
  grpc: GRPCAction

HTTPGetAction
  path: text
  httpHeaders: HTTPHeader []
  port: number

HTTPHeader
  name: text
  value: text

TCPSocketAction
  port: number

GRPCAction
  port: number
  service: text

BuildInfo
  functionTarget: text
  sourceLocation: text

Volume
  name: text
  secret: SecretVolumeSource
  cloudSqlInstance: CloudSqlInstance
  emptyDir: EmptyDirVolumeSource
  nfs: NFSVolumeSource
  gcs: GCSVolumeSource

SecretVolumeSource
  secret: text
  items: VersionToPath []
  defaultMode: number

VersionToPath
  path: text
  version: text
  mode: number

CloudSqlInstance
  instances: text []

EmptyDirVolumeSource
  medium: MEDIUM_UNSPECIFIED|MEMORY
  sizeLimit: text

NFSVolumeSource
  server: text
  path: text
  readOnly: true|false

GCSVolumeSource
  bucket: text
  readOnly: true|false
  mountOptions: text []

ServiceMesh
  mesh: text

NodeSelector
  accelerator: text
"""
